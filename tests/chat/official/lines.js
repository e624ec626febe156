'use strict';
// One JSON object a line: requests come on stdin, answers and events go to stdout, everything else to stderr.

const readline = require('node:readline');

function emit(value) {
  process.stdout.write(JSON.stringify(value) + '\n');
}

function failure(error) {
  return {
    ok: false,
    code: error.code,
    message: error.message,
    data: error.data,
    status: error.statusCode,
    retryAfter: error.retryAfter,
  };
}

// ops: name -> async (request) => value
function serve(ops) {
  const lines = readline.createInterface({ input: process.stdin });
  lines.on('line', async (line) => {
    const request = JSON.parse(line);
    const begin = Date.now();
    let answer;
    try {
      answer = { ok: true, value: await ops[request.op](request) };
    } catch (error) {
      answer = failure(error);
    }
    emit({ id: request.id, ms: Date.now() - begin, ...answer });
  });
  lines.on('close', () => process.exit(0));
}

const toStderr = (...words) => process.stderr.write(words.join(' ') + '\n');
const logger = {
  debug() {},
  info() {},
  warn: toStderr,
  error: toStderr,
  setLevel() {},
  getLevel: () => 'error',
  setName() {},
};

module.exports = { emit, logger, serve };
