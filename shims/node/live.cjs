// Keeps process.env fresh in a run with --live. NODE_OPTIONS loads it by --require, before the program and in
// every worker thread. authsome_env/deliver/live.py tells the notation of the file that it reads.
//
// `process.env` becomes an accessor: who names it gets Node's own object, just as it is, after a look for new
// values, which are written into that object. So native code, child processes and workers find them too. For
// whoever keeps the object (`const { env } = process`, `import { env } from 'node:process'`) a timer that keeps
// nothing alive looks as well. A Proxy would need no timer, but structuredClone, postMessage and `workerData`
// refuse a Proxy, and console.log shows that it is one.
//
// A variable is replaced only while it holds a value that this run delivered. Whatever goes wrong here, the
// values stay as they are. Nothing here is newer than Node 8: one that could not parse it would end.
'use strict';

try {
  const fs = require('fs');
  // Taken now: a program may put its own in their places (mock-fs, fake timers).
  const { closeSync, fstatSync, openSync, readSync, statSync } = fs;
  const { O_NONBLOCK, O_RDONLY } = fs.constants;
  const { hrtime } = process; // to load `performance` is a tenth of Node 18's start
  const owner = process.geteuid();

  const PAUSE_MS = 0.5; // between two looks: a stat(2) takes longer than all the rest
  const INTERVAL_MS = 500;
  const MOST_BYTES = 1 << 24;
  const HEAD = 'authsome-live 1 ';

  const real = process.env;
  const folder = real.AUTHSOME_RUN;
  const path = `${folder}/live`;
  const newest = new Map(); // variable -> the newest value that was read
  let next = 0;
  let seen = {};

  const look = () => {
    const [seconds, nanoseconds] = hrtime();
    const time = seconds * 1e3 + nanoseconds / 1e6;
    if (time < next) return;
    next = time + PAUSE_MS;
    try {
      const found = statSync(path, { throwIfNoEntry: false });
      if (!found) return;
      if (found.ino === seen.ino && found.mtimeMs === seen.mtimeMs && found.size === seen.size) return;
      const text = read();
      seen = found;
      refresh(text);
    } catch (_) {} // no right to read files (--permission), no descriptor left, …
  };

  const read = () => {
    const descriptor = openSync(path, O_RDONLY | O_NONBLOCK); // a fifo must not keep us
    try {
      const found = fstatSync(descriptor);
      if (found.uid !== owner || found.size > MOST_BYTES) return '';
      const bytes = Buffer.alloc(found.size);
      return bytes.latin1Slice(0, readSync(descriptor, bytes, 0, bytes.length, 0));
    } finally {
      closeSync(descriptor);
    }
  };

  const refresh = (text) => {
    if (!text.startsWith(HEAD) || !text.endsWith('\n.\n')) return;
    const former = new Map();
    for (const line of text.split('\n')) {
      const end = line.indexOf('=', 1);
      const name = line.slice(1, end);
      if (line[0] === '=') former.set(name, { value: decode(line.slice(end + 1)), prints: new Set() });
      else if (line[0] === '-') former.get(name).prints.add(line.slice(end + 1));
    }
    for (const [name, { value, prints }] of former) {
      if (value === null) continue;
      const held = real[name];
      if (held === undefined) continue;
      if (held !== value && (held === newest.get(name) || (prints.size && prints.has(fingerprint(held))))) {
        real[name] = value;
      }
      newest.set(name, value);
    }
  };

  // Node has no way to put bytes into the environment that are no UTF-8; such a variable stays as it is.
  const decode = (latin1) => {
    const bytes = Buffer.from(latin1.replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c)), 'latin1');
    const text = bytes.utf8Slice();
    return Buffer.from(text).equals(bytes) ? text : null;
  };

  // Loaded only for a value that is not the last one that was read: it would make every start slower.
  const fingerprint = (text) => require('crypto').createHash('sha256').update(text).digest('hex');

  let current = real; // or what the program has put in its place, which is its own affair
  const { enumerable, configurable } = Object.getOwnPropertyDescriptor(process, 'env');
  if (folder && folder[0] === '/' && statSync(path, { throwIfNoEntry: false })) {
    Object.defineProperty(process, 'env', {
      __proto__: null,
      enumerable,
      configurable,
      get() {
        if (current === real) look();
        return current;
      },
      set(env) {
        current = env;
      },
    });
    setInterval(look, INTERVAL_MS).unref();
  }
} catch (_) {} // not a Node that we know

try {
  delete require.cache[__filename]; // as if it had not been
} catch (_) {}
