'use strict';
// What the official renderer makes of cards: for each message file a JSON line with what it complains of, the elements it
// made, and the actions it would show.

const fs = require('node:fs');

globalThis.self = globalThis; // the package is built for browsers
const cards = require('adaptivecards/dist/adaptivecards.js');

function count(element) {
  let n = 1;
  for (let i = 0; element.getItemCount && i < element.getItemCount(); i++) n += count(element.getItemAt(i));
  return n;
}

for (const file of process.argv.slice(2)) {
  const context = new cards.SerializationContext(cards.Versions.v1_4);
  const card = new cards.AdaptiveCard();
  card.parse(JSON.parse(fs.readFileSync(file, 'utf8')).attachments[0].content, context);
  const complaints = card.validateProperties().validationEvents.map((event) => event.message);
  for (let i = 0; i < context.eventCount; i++) complaints.push(context.getEventAt(i).message);
  console.log(JSON.stringify({ file, complaints, elements: count(card), actions: card.getActionCount() }));
}
