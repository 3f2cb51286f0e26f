from .errors import StreamError
