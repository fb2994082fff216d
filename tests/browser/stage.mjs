// Where the journey plays: a Chromium, steps that are counted, pictures, and what must never happen on the way.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const SHOTS = fileURLToPath(new URL("./shots/", import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const WAIT_MS = 10_000;

export class Stage {
  passed = 0;
  failed = 0;
  faults = [];
  addresses = new Set();
  secrets = [];

  static async open(base) {
    const stage = new Stage();
    stage.base = base;
    mkdirSync(SHOTS, { recursive: true });
    stage.browser = await chromium.launch({
      executablePath: process.env.METROSOC_CHROMIUM ?? "/usr/bin/chromium",
      args: FLAGS,
    });
    stage.context = await stage.browser.newContext({
      ignoreHTTPSErrors: true,
      viewport: { width: 1440, height: 900 },
      locale: "en-GB",
      colorScheme: "light",
      reducedMotion: "reduce",
    });
    stage.context.setDefaultTimeout(WAIT_MS);
    await stage.context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        console.error(`CSP violation: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
      });
    });
    stage.page = await stage.context.newPage();
    stage.#watch(stage.page);
    return stage;
  }

  /** Remembers what went wrong unseen: script errors, refused content, secrets in addresses. */
  #watch(page) {
    page.on("pageerror", (error) => this.faults.push(`script error: ${error.message}`));
    page.on("console", (message) => {
      if (message.type() !== "error") return;
      if (/Failed to load resource: the server responded with a status of (400|401|403|404|429)/.test(message.text())) return;
      this.faults.push(`console: ${message.text()}`);
    });
    page.on("request", (request) => this.addresses.add(request.url()));
    page.on("framenavigated", (frame) => this.addresses.add(frame.url()));
  }

  async step(name, act) {
    const began = performance.now();
    const took = () => `(${((performance.now() - began) / 1000).toFixed(1)} s)`;
    try {
      await act();
      this.passed += 1;
      console.log(`ok    ${name} ${took()}`);
    } catch (error) {
      this.failed += 1;
      console.log(`FAIL  ${name} ${took()}\n      ${String(error.message ?? error).split("\n").slice(0, 12).join("\n      ")}`);
      await this.shot(`failed-${name.replace(/\W+/g, "-")}`).catch(() => undefined);
    }
    this.addresses.add(this.page.url());
  }

  async shot(name) {
    await this.page.screenshot({ path: `${SHOTS}${name}.png` });
  }

  /** Waits until what was changed has been drawn. */
  async painted() {
    await this.page.evaluate(
      () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 60)))),
    );
  }

  /** Theme by attribute, as the switch sets it; the switch itself has a step of its own. */
  async theme(name) {
    await this.page.emulateMedia({ colorScheme: name });
    await this.page.waitForFunction((n) => document.documentElement.dataset.theme === n, name);
    await this.painted();
  }

  /** Runs axe in both themes and takes a picture of each; every screen counts as one check. */
  async audit(name) {
    const began = performance.now();
    const found = [];
    for (const theme of ["light", "dark"]) {
      await this.theme(theme);
      await this.shot(`${name}-${theme}`);
      found.push(...(await this.#axe()).map((violation) => `${theme}: ${violation}`));
    }
    await this.theme("light");
    if (found.length) {
      this.failed += 1;
      console.log(`FAIL  axe on ${name}\n      ${found.join("\n      ")}`);
    } else {
      this.passed += 1;
      console.log(`ok    axe on ${name}, light and dark (${((performance.now() - began) / 1000).toFixed(1)} s)`);
    }
  }

  async #axe() {
    await this.page.evaluate(AXE);
    return this.page.evaluate(async () => {
      const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
      const result = await globalThis.axe.run(document, { runOnly: tags });
      const where = (node) => `${node.target.join(" ")} ${node.any[0]?.message ?? ""}`;
      return result.violations.map((one) => `${one.id}: ${one.nodes.slice(0, 4).map(where).join(" | ")}`);
    });
  }

  async close() {
    await this.browser.close();
  }
}

export function expect(condition, message) {
  if (!condition) throw new Error(message);
}
