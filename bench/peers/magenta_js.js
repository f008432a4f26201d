// Magenta.js as npm installs it, with MusicVAE's mel_2bar_small in its published shapes and random weights: nothing is
// downloaded, and weights do not change the work. Reads {"row", "repeats"} as JSON by the line and answers with milliseconds, of
// the clock and of the processor, as JSON.
"use strict";

const http = require("http");
const readline = require("readline");
const quiet = () => {};
console.log = console.info = console.warn = quiet; // what the library says of itself

const { MusicVAE } = require("@magenta/music/node/music_vae");

const SIZES = { depth: 90, latent: 256, encoder: 512, decoder: [256, 256], steps: 32 };
const SPEC = {
  type: "MusicVAE",
  dataConverter: { type: "MelodyConverter", args: { numSteps: SIZES.steps, minPitch: 21, maxPitch: 108 } },
};

function shapes() {
  const { depth, latent, encoder, decoder } = SIZES;
  const found = {
    "encoder/mu/kernel": [2 * encoder, latent],
    "encoder/mu/bias": [latent],
    "decoder/z_to_initial_state/kernel": [latent, 2 * decoder.reduce((a, b) => a + b)],
    "decoder/z_to_initial_state/bias": [2 * decoder.reduce((a, b) => a + b)],
    "decoder/output_projection/kernel": [decoder[decoder.length - 1], depth],
    "decoder/output_projection/bias": [depth],
  };
  for (const way of ["fw", "bw"]) {
    const cell = `encoder/cell_0/bidirectional_rnn/${way}/multi_rnn_cell/cell_0/lstm_cell/`;
    found[cell + "kernel"] = [depth + encoder, 4 * encoder];
    found[cell + "bias"] = [4 * encoder];
  }
  decoder.forEach((size, layer) => {
    const cell = `decoder/multi_rnn_cell/cell_${layer}/lstm_cell/`;
    const below = layer === 0 ? depth + latent : decoder[layer - 1];
    found[cell + "kernel"] = [below + size, 4 * size];
    found[cell + "bias"] = [4 * size];
  });
  return found;
}

// The three files of a checkpoint, from this process to itself.
function serve() {
  const weights = Object.entries(shapes()).map(([name, shape]) => ({ name, shape, dtype: "float32" }));
  const count = weights.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b), 0);
  const values = Float32Array.from({ length: count }, () => (Math.random() - 0.5) * 0.1);
  const files = {
    "/config.json": Buffer.from(JSON.stringify(SPEC)),
    "/weights_manifest.json": Buffer.from(JSON.stringify([{ paths: ["all"], weights }])),
    "/all": Buffer.from(values.buffer),
  };
  const server = http.createServer((asked, answer) => answer.end(files[asked.url] || ""));
  return new Promise((ready) => server.listen(0, "127.0.0.1", () => ready(server)));
}

function tune(shift) {
  const pitches = [60, 62, 64, 65, 67, 65, 64, 62];
  return {
    notes: pitches.map((pitch, i) => ({ pitch: pitch + shift, quantizedStartStep: 4 * i, quantizedEndStep: 4 * i + 4 })),
    quantizationInfo: { stepsPerQuarter: 4 },
    totalQuantizedSteps: SIZES.steps,
  };
}

async function main() {
  const server = await serve();
  const model = new MusicVAE(`http://127.0.0.1:${server.address().port}`);
  await model.initialize();
  const four = [0, 2, 4, 5].map(tune);
  const rows = {
    "sample of 1": () => model.sample(1, 0.5),
    "sample of 4": () => model.sample(4, 0.5),
    "vary of 8": () => model.similar(four[0], 8, 0.7, 0.5),
    "interpolate of 9": () => model.interpolate(four.slice(0, 2), 9, 0.5),
    "11×11 blend": () => model.interpolate(four, [11, 11], 0.5),
  };
  if (process.argv[2] === "first") {
    await rows["sample of 1"]();
    process.exit(0);
  }
  process.stdout.write(JSON.stringify(Object.keys(rows)) + "\n");
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { row, repeats } = JSON.parse(line);
    const times = [];
    const spent = [];
    for (let i = 0; i < repeats; i++) {
      const started = process.hrtime.bigint();
      const before = process.cpuUsage();
      await rows[row]();
      times.push(Number(process.hrtime.bigint() - started) / 1e6);
      const { user, system } = process.cpuUsage(before);
      spent.push((user + system) / 1e3);
    }
    process.stdout.write(JSON.stringify({ times, spent, memory: process.memoryUsage().rss / 2 ** 20 }) + "\n");
  }
  process.exit(0);
}

main();
