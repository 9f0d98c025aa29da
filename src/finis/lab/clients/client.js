// A TLS client of Node: client.js MANNER SITUATION ADDRESS PORT TIMES
// MANNER: https (with an agent that keeps connections), tls-end (socket.end), tls-destroy.
'use strict';
const https = require('https');
const tls = require('tls');
const [manner, situation, host, port, times] = process.argv.slice(2);
const trust = { rejectUnauthorized: false };
const body = Buffer.alloc(400000, 'b');
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const tell = (socket, text) => console.log(`${socket && socket.mine || '-'} ${text}`);

async function request() {
  const agent = new https.Agent({ keepAlive: true, ...trust });
  const path = { abandoned: '/big', 'connection-close': '/close' }[situation] ||
    (situation.startsWith('refused-body') ? '/deny' : '/');
  const post = path === '/deny';
  let mine;
  await new Promise((done) => {
    const one = https.request({ host, port, path, agent, method: post ? 'POST' : 'GET',
      headers: post ? { 'Content-Length': body.length } : {} }, (got) => {
      let size = 0;
      got.on('data', (some) => {
        size += some.length;
        if (situation === 'abandoned') { got.pause(); setTimeout(() => { one.destroy(); done(); }, 200); }
      });
      got.on('end', () => { tell(one.socket || { mine }, `whole response ${got.statusCode}`); done(); });
      got.on('error', () => done());
    });
    one.on('socket', (socket) => socket.on('secureConnect', () => { mine = socket.mine = socket.localPort; }));
    one.on('error', (error) => { tell({ mine }, error.code); done(); });
    one.end(post ? body : undefined);
  });
  if (situation === 'server-expires') await wait(2500);
  agent.destroy();
}

function socket() {
  return new Promise((done) => {
    const end = () => (manner === 'tls-end' ? one.end() : one.destroy());
    const one = tls.connect({ host, port, ...trust }, async () => {
      one.mine = one.localPort;
      if (situation === 'no-request') return end();
      if (situation === 'half-close') {
        one.end('GET /slow HTTP/1.1\r\nHost: lab\r\n\r\n');
        return;
      }
      one.pause();
      await wait(300);
      one.write('POST / HTTP/1.1\r\nHost: lab\r\n');
      await wait(200);
      end();
    });
    let size = 0;
    if (situation === 'half-close') one.on('data', (some) => { size += some.length; });
    one.on('error', (error) => tell(one, error.code));
    one.on('close', () => {
      if (situation === 'half-close') tell(one, size > 10000 ? 'whole response 200' : `cut, ${size} bytes`);
      done();
    });
  });
}

(async () => {
  const all = [];
  for (let i = 0; i < Number(times); i++) {
    all.push(manner === 'https' ? request() : socket());
    await wait(30);
  }
  await Promise.all(all);
})();
