// What mailauth finds of a mail on standard input: `node mailauth.cjs MODULE '{"ip", "helo", "sender", "names": {name: {type: [text]}}}'`.
const { authenticate } = require(process.argv[2]);
const about = JSON.parse(process.argv[3]);

async function resolve(name, kind) {
  const found = about.names[name.toLowerCase()]?.[kind];
  if (!found) throw Object.assign(new Error(`no ${kind} of ${name}`), { code: "ENOTFOUND" });
  return kind === "TXT" ? found.map((text) => [text]) : found;
}

const chunks = [];
process.stdin.on("data", (chunk) => chunks.push(chunk));
process.stdin.on("end", async () => {
  const options = { ip: about.ip, helo: about.helo, sender: about.sender, mta: "mx.corp.test", resolver: resolve, disableBimi: true, strict: true };
  const found = await authenticate(Buffer.concat(chunks), options);
  process.stdout.write(JSON.stringify({
    spf: found.spf.status.result,
    dkim: found.dkim.results.map((one) => `${one.status.result} ${one.signingDomain}`),
    arc: found.arc.status.result,
    links: found.arc.i || 0,
    dmarc: found.dmarc.status.result,
  }));
});
