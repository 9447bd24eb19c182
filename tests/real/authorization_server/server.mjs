// An authorization server that is none of ours, for tests: npm's `oidc-provider`, OpenID certified, on loopback.
//
// /auth /token /reg /device /me /token/revocation /token/introspection and the metadata are the package's own.
// Ours are the pages for signing in and consenting (below /interaction), the knobs and counts (below /test),
// and the three things that the package does not do: see `extensions`.
//
// Prints {"issuer": …} when it is ready, and ends with its standard input. State is in memory.
import crypto from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';

// oidc-provider 9 is made for Node 22; this is all that it misses in Node 20.
URL.parse ??= (url, base) => { try { return new URL(url, base); } catch { return null; } };
const { default: Provider, errors } = await import('oidc-provider');
const jose = await import('jose');

// POST /test/knobs changes them while it runs. Times are in seconds.
const knobs = {
  access_ttl: 60,
  device_interval: 1,
  approve: 'form', // a person clicks; 'auto': `login_hint` (or alice) is signed in and agrees to all
  answer_delay: 0, // of the token endpoint, after the work is done: refresh tokens are rotated by then
};
const counts = { by_grant: {}, clients_registered: 0, clients_deleted: 0, families_revoked: 0 };

const CODE = ['authorization_code', 'refresh_token'];
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const LOOPBACK = ['http://127.0.0.1/callback']; // any port: it is a native application's (RFC 8252 section 7.3)

// Breaks whoever sends Basic without encoding both halves first (RFC 6749 section 2.3.1). By the environment,
// so that a test knows it and no file does.
const { HARD_SECRET, PLAIN_SECRET } = process.env;
const client = (id, method, grants, more = {}) => ({
  client_id: id,
  client_name: `The <b>${id}</b> & "co"`,
  application_type: 'native',
  token_endpoint_auth_method: method,
  grant_types: grants,
  ...(grants.includes('authorization_code')
    ? { response_types: ['code'], redirect_uris: LOOPBACK }
    : { response_types: [], redirect_uris: [] }),
  ...more,
});
const clients = [
  client('native', 'none', [...CODE, DEVICE]),
  client('basic:client/id', 'client_secret_basic', [...CODE, DEVICE, 'client_credentials'], { client_secret: HARD_SECRET }),
  client('post', 'client_secret_post', [...CODE, DEVICE, 'client_credentials', EXCHANGE], { client_secret: HARD_SECRET }),
  client('resource', 'client_secret_basic', [], { client_secret: PLAIN_SECRET }),
];

const server = http.createServer((request, response) => handle(request, response));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;

const { privateKey } = await jose.generateKeyPair('RS256', { extractable: true });
const accessTtl = () => knobs.access_ttl;
const provider = new Provider(issuer, {
  clients,
  jwks: { keys: [{ ...(await jose.exportJWK(privateKey)), kid: 'server', alg: 'RS256', use: 'sig' }] },
  cookies: { keys: [crypto.randomBytes(16).toString('hex')] },
  clockTolerance: 0, // the usual 15 s would let a dead token live on
  scopes: ['openid', 'offline_access', 'api:read', 'api:write', 'repo', 'read:user', 'read:org', 'read_api'],
  claims: { openid: ['sub'], email: ['email'] },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  findAccount: (context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.test` }),
  }),
  rotateRefreshToken: true, // and one that comes twice ends its whole family
  issueRefreshToken: (context, owner) => owner.grantTypeAllowed('refresh_token'),
  expiresWithSession: () => false,
  interactions: { url: (context, { uid }) => `/interaction/${uid}` },
  features: {
    devInteractions: { enabled: false },
    deviceFlow: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    registration: { enabled: true },
    registrationManagement: { enabled: true },
  },
  ttl: {
    AccessToken: accessTtl,
    ClientCredentials: accessTtl,
    IdToken: accessTtl,
    RefreshToken: 86400,
    AuthorizationCode: 60,
    DeviceCode: 600,
    Interaction: 600,
    Session: 600,
    Grant: 86400,
  },
});

// ---- extensions --------------------------------------------------------------------------------------------

async function mint(context, accountId, scope) {
  const { client: owner } = context.oidc;
  const grant = new provider.Grant({ accountId, clientId: owner.clientId });
  grant.addOIDCScope(scope);
  const token = new provider.AccessToken({ accountId, client: owner, grantId: await grant.save(), scope });
  context.body = { access_token: await token.save(), token_type: 'Bearer', expires_in: token.expiration, scope };
}

// RFC 7523 section 2.1. The assertion's issuer is a client that was registered with the key's public half.
const assertionsSeen = new Set();
provider.registerGrantType(JWT_BEARER, async (context) => {
  const { assertion, scope } = context.oidc.params;
  let claims;
  try {
    const { keys } = context.oidc.client.jwks;
    ({ payload: claims } = await jose.jwtVerify(assertion, jose.createLocalJWKSet({ keys }), {
      issuer: context.oidc.client.clientId,
      audience: [issuer, `${issuer}/token`],
      requiredClaims: ['sub', 'exp', 'iat', 'jti'],
    }));
  } catch (error) {
    throw new errors.InvalidGrant(`assertion: ${error.code ?? error.message}`);
  }
  if (claims.exp - claims.iat > 3600 || assertionsSeen.has(claims.jti)) {
    throw new errors.InvalidGrant('assertion: too long a life, or used before');
  }
  assertionsSeen.add(claims.jti);
  await mint(context, claims.sub, scope ?? 'api:read');
}, ['assertion', 'scope']);

// RFC 8693 section 2.1, for access tokens of this very server: the scope may only shrink.
provider.registerGrantType(EXCHANGE, async (context) => {
  const { subject_token: token, subject_token_type: type, scope = 'api:read' } = context.oidc.params;
  if (type !== ACCESS_TOKEN) throw new errors.InvalidRequest('unsupported subject_token_type');
  const subject = await provider.AccessToken.find(token ?? '');
  if (!subject || subject.isExpired) throw new errors.InvalidRequest('the subject token is not active');
  const wider = scope.split(' ').find((each) => !subject.scopes.has(each));
  if (wider) throw new errors.InvalidScope('more than the subject token has', wider);
  await mint(context, subject.accountId, scope);
  context.body.issued_token_type = ACCESS_TOKEN;
}, ['subject_token', 'subject_token_type', 'requested_token_type', 'audience', 'scope']);

// `interval` in the device answer (RFC 8628 section 3.2), and slow_down for who asks faster (section 3.5).
const asked = new Map();
provider.use(async (context, next) => {
  await next();
  const { route, params } = context.oidc ?? {};
  if (route === 'device_authorization' && context.body.device_code) context.body.interval = knobs.device_interval;
  if (route !== 'token' || params?.grant_type !== DEVICE) return;
  const last = asked.get(params.device_code);
  asked.set(params.device_code, Date.now());
  if (context.body.error === 'authorization_pending' && Date.now() - last < knobs.device_interval * 1000) {
    context.body = { error: 'slow_down' };
  }
});

// ---- counting ----------------------------------------------------------------------------------------------

provider.on('grant.revoked', () => { counts.families_revoked += 1; });
provider.on('registration_create.success', () => { counts.clients_registered += 1; });
provider.on('registration_delete.success', () => { counts.clients_deleted += 1; });
provider.use(async (context, next) => {
  await next();
  if (context.oidc?.route !== 'token') return;
  const grant = context.oidc.params?.grant_type ?? 'none';
  const count = counts.by_grant[grant] ??= { ok: 0, refused: 0 };
  count[context.body.error ? 'refused' : 'ok'] += 1;
  if (knobs.answer_delay) await new Promise((done) => { setTimeout(done, knobs.answer_delay * 1000); });
});

// ---- pages, knobs ------------------------------------------------------------------------------------------

const escaped = (text) => String(text).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);

function page(response, title, body) {
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
  response.end(`<!doctype html><html lang="en"><title>${title}</title><h1>${title}</h1><form method="post">${body}</form>`);
}

async function read(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function interact(request, response) {
  const details = await provider.interactionDetails(request, response);
  const { prompt, params } = details;
  const missing = prompt.details.missingOIDCScope ?? [];
  let form = null;
  if (request.method === 'POST') form = new URLSearchParams(await read(request));
  else if (knobs.approve === 'auto') {
    form = new URLSearchParams([['account', params.login_hint ?? 'alice'], ...missing.map((scope) => ['scope', scope])]);
  }
  const finish = (result) => provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });

  if (form === null) {
    if (prompt.name === 'login') {
      page(response, 'Sign in', '<label>Account <input name="account"></label> <button>Sign in</button>');
      return;
    }
    const boxes = missing.map((scope) => `<label><input type="checkbox" name="scope" value="${escaped(scope)}" checked> ${escaped(scope)}</label>`);
    page(response, `Authorize ${escaped(params.client_id)}`, `${boxes.join('<br>')}<p><button>Allow</button> <button name="deny" value="1">Deny</button>`);
  } else if (form.has('deny')) {
    await finish({ error: 'access_denied', error_description: 'the person said no' });
  } else if (prompt.name === 'login') {
    await finish({ login: { accountId: form.get('account') } });
  } else {
    const grant = details.grantId
      ? await provider.Grant.find(details.grantId)
      : new provider.Grant({ accountId: details.session.accountId, clientId: params.client_id });
    const allowed = form.getAll('scope');
    grant.addOIDCScope(allowed.join(' '));
    grant.rejectOIDCScope(missing.filter((scope) => !allowed.includes(scope)).join(' '));
    grant.addOIDCClaims(prompt.details.missingOIDCClaims ?? []);
    await finish({ consent: { grantId: await grant.save() } });
  }
}

// Whose access token it is, whatever its scopes, as GitHub's /user says; the package's /me wants `openid`.
async function user(request, response) {
  const token = await provider.AccessToken.find((request.headers.authorization ?? '').split(' ')[1] ?? '');
  if (token) answer(response, { id: token.accountId, login: token.accountId });
  else response.writeHead(401).end();
}

const answer = (response, body) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
};
const callback = provider.callback();

async function handle(request, response) {
  try {
    const path = request.url.split('?')[0];
    if (path === '/test/counts') answer(response, counts);
    else if (path === '/test/knobs') answer(response, Object.assign(knobs, JSON.parse(await read(request))));
    else if (path === '/test/user') await user(request, response);
    else if (path.startsWith('/interaction/')) await interact(request, response);
    else {
      // RFC 8414 section 3: the same document by its other name
      if (path === '/.well-known/oauth-authorization-server') request.url = '/.well-known/openid-configuration';
      callback(request, response);
    }
  } catch (error) {
    console.error(error);
    if (!response.headersSent) response.writeHead(error.statusCode ?? 500);
    response.end(error.message);
  }
}
provider.on('server_error', (context, error) => console.error(error));

console.log(JSON.stringify({ issuer }));
process.stdin.on('end', () => process.exit(0)).resume();
