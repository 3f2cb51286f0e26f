"""Streams a chat through the proxy with the openai package, unchanged; prints the text, or the error that the client raises."""

import json
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1], api_key=sys.argv[2], max_retries=0)
text = ""
try:
    stream = client.chat.completions.create(model="small", messages=[{"role": "user", "content": "hello"}], stream=True)
    for chunk in stream:
        text += chunk.choices[0].delta.content or ""
    print(json.dumps({"text": text}))
except openai.APIError as error:
    print(json.dumps({"text": text, "error": str(error), "body": error.body}))
