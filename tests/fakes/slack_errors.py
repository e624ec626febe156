"""How a Web API method refuses."""


class ApiError(Exception):
    def __init__(self, error, **more):
        super().__init__(error)
        self.error = error
        self.more = more


def refuse_arguments(text, pointer):
    raise ApiError("invalid_arguments", response_metadata={"messages": [f"[ERROR] {text} [json-pointer:{pointer}]"]})


def need(args, key, error=None):
    """A required argument, as text."""
    value = args.get(key)
    if value in (None, ""):
        if error:
            raise ApiError(error)
        refuse_arguments(f"missing required field: {key}", "")
    return value if isinstance(value, str) else str(value)
