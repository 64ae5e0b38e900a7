/* npm run build: kernels.wat, assembled, as kernels.js. The same text gives the same bytes. */
import { readFileSync, writeFileSync } from "node:fs";
import wabt from "wabt";

const here = (name) => new URL(name, import.meta.url);

/** kernels.js as it must be. */
export async function built() {
  const { parseWat } = await wabt();
  const module = parseWat("kernels.wat", readFileSync(here("kernels.wat"), "utf8"), { simd: true });
  const { buffer } = module.toBinary({});
  const text = Buffer.from(buffer).toString("base64");
  const about = "/* kernels.wat as WebAssembly, in base64. Made by npm run build; leave it alone. */";
  return `${about}\nexport const KERNELS =\n  "${text}";\n`;
}

if (process.argv[1] === here("build.js").pathname) writeFileSync(here("kernels.js"), await built());
