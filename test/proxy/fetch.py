"""Gets an address with requests or httpx, by the proxy that the environment names, and prints what came."""

import hashlib
import json
import sys

library, url = sys.argv[1:3]
digest = hashlib.sha256()
if library == "requests":
    import requests

    with requests.get(url, stream=True, timeout=60) as answer:
        status = answer.status_code
        for chunk in answer.iter_content(65536):
            digest.update(chunk)
else:
    import httpx

    with httpx.stream("GET", url, timeout=60) as answer:
        status = answer.status_code
        for chunk in answer.iter_bytes():
            digest.update(chunk)
print(json.dumps({"status": status, "sha256": digest.hexdigest()}))
