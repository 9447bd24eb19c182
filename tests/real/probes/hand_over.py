"""`hand_over.py PORT URL`: open a tab in the Chromium that is driven at that port."""

import sys
import urllib.parse
import urllib.request

port, url = sys.argv[1:]
new = f"http://127.0.0.1:{port}/json/new?{urllib.parse.quote(url, safe='')}"
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
opener.open(urllib.request.Request(new, method="PUT")).close()
