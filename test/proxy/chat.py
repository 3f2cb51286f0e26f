"""Streams a chat with the openai package, unchanged; prints the text with what the client was told, or the error that it raises."""

import json
import sys
import time

import openai

base_url, api_key, *rest = sys.argv[1:]
more = json.loads(rest[0]) if rest else {"model": "small", "messages": [{"role": "user", "content": "hello"}]}
client = openai.OpenAI(base_url=base_url, api_key=api_key, max_retries=0)
text = ""
tokens = None
came: list[float] = []
try:
    for chunk in client.chat.completions.create(stream=True, **more):
        if chunk.usage:
            tokens = chunk.usage.completion_tokens
        if chunk.choices and chunk.choices[0].delta.content:
            came.append(time.perf_counter())
            text += chunk.choices[0].delta.content
    gaps = [1000 * (after - before) for before, after in zip(came, came[1:])]
    print(json.dumps({"text": text, "tokens": tokens, "gaps": gaps}))
except openai.APIError as error:
    print(json.dumps({"text": text, "error": str(error), "body": error.body}))
