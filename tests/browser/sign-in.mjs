// Signing in with a second factor and through a sign-on provider, in a real Chromium, on the real server.
//
//   METROSOC_URL         the server's address
//   METROSOC_USERS_FILE  {"local": {"name", "password"}, "due": {…}, "signon": {"login", "name"}}; signon may be left out
//   METROSOC_CHROMIUM    the browser (default /usr/bin/chromium)
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, Stage } from "./stage.mjs";

const url = process.env.METROSOC_URL.replace(/\/$/, "");
const users = JSON.parse(readFileSync(process.env.METROSOC_USERS_FILE, "utf8"));
const stage = await Stage.open(url);
const { page } = stage;
stage.secrets = [users.local.password, users.due.password];

const button = (name, exact = false) => page.getByRole("button", { name, exact });
const nav = () => page.getByRole("navigation", { name: "Main" });

/** What an authenticator app shows, `steps` of thirty seconds from now (RFC 6238). */
function code(key, steps = 0) {
  const bits = [...key.replace(/\s/g, "")].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  const bytes = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const mac = createHmac("sha1", bytes).update(counter).digest();
  const number = mac.readUInt32BE(mac.at(-1) & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

async function signIn(user) {
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.getByLabel("Account name").fill(user.name);
  await page.getByRole("textbox", { name: "Password" }).fill(user.password);
  await button("Sign in", true).click();
}

async function signOut() {
  await button(/^Account:/).click();
  await button("Sign out").click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
}

async function enrol() {
  await button("Set up an authenticator app").click();
  await page.getByRole("img", { name: /QR code/ }).waitFor();
  const key = (await page.locator("[data-totp-key]").innerText()).trim();
  stage.secrets.push(key.replace(/\s/g, ""));
  await page.getByLabel("First code of the app").fill("000000");
  await button("Put it in force").click();
  await page.getByText("The code is wrong, used or too old.").waitFor();
  await page.getByLabel("First code of the app").fill(code(key));
  await button("Put it in force").click();
  await page.getByRole("heading", { name: "Recovery codes" }).waitFor();
  expect((await page.getByRole("listitem").count()) === 10, "ten recovery codes");
  return key;
}

let key;
let recovery;

await stage.step("a second factor is set up with a picture and a first code", async () => {
  await page.goto(`${url}/`);
  await signIn(users.local);
  await nav().waitFor();
  await button(/^Account:/).click();
  await button("Sign-in and sessions").click();
  await page.getByRole("heading", { name: "Where you are signed in" }).waitFor();
  await stage.audit("account");
  await button("Set up an authenticator app").waitFor();
  key = await enrol();
  recovery = (await page.getByRole("listitem").first().innerText()).trim();
  await stage.audit("account-codes");
  await button("I have kept them").click();
  await page.getByText("10 recovery codes are left.").waitFor();
});

await stage.step("the own sessions are listed with their proof", async () => {
  const row = page.locator("tr[data-session]");
  await row.first().waitFor();
  const text = await row.first().innerText();
  expect(/two factors/.test(text) && /this one/.test(text) && /Chrom/.test(text), `\`${text}\``);
  await stage.audit("account-enrolled");
});

await stage.step("signing in asks for the second step; a used code is refused, the next one opens", async () => {
  await signOut();
  await signIn(users.local);
  await page.getByRole("heading", { name: "Second step" }).waitFor();
  await stage.audit("second-step");
  await page.getByLabel("Code").fill("000000");
  await button("Sign in", true).click();
  await page.getByText("The code is wrong, used or too old.").waitFor();
  await page.getByLabel("Code").fill(code(key, 1));
  await button("Sign in", true).click();
  await nav().waitFor();
});

await stage.step("a recovery code opens as well, and the second factor is removed again", async () => {
  await signOut();
  await signIn(users.local);
  await page.getByRole("heading", { name: "Second step" }).waitFor();
  await page.getByLabel("Code").fill(recovery);
  await button("Sign in", true).click();
  await nav().waitFor();
  await page.goto(`${url}/#/account`);
  await page.getByText("9 recovery codes are left.").waitFor();
  await button("Remove the second factor").click();
  await button("Set up an authenticator app").waitFor();
  await signOut();
});

await stage.step("a role that must have a second factor sets it up before anything else", async () => {
  await signIn(users.due);
  await page.getByRole("heading", { name: "A second factor is due" }).waitFor();
  await stage.audit("second-factor-due");
  await enrol();
  await button("I have kept them").click();
  await nav().waitFor();
  await signOut();
});

if (users.signon) {
  await stage.step("the sign-on provider's button leads there and back", async () => {
    await page.getByRole("link", { name: "Sign in with City account" }).waitFor();
    await stage.audit("sign-in-provider");
    await page.getByRole("link", { name: "Sign in with City account" }).click();
    await page.locator("input[name=login]").fill(users.signon.login);
    await page.locator("input[name=password]").fill("any");
    await page.locator("button[type=submit]").click();
    await page.locator("input[name=prompt][value=consent]").waitFor({ state: "attached" });
    await page.locator("button[type=submit]").click();
    await nav().waitFor();
    await button(`Account: ${users.signon.name}`).waitFor();
  });
}

await stage.step("no secret stood in an address", async () => {
  for (const address of stage.addresses)
    for (const secret of stage.secrets)
      expect(!decodeURIComponent(address).includes(secret), `a secret stands in an address: ${new URL(address).pathname}`);
});

await stage.close().catch(() => undefined);
console.log(`${stage.passed} passed, ${stage.failed} failed`);
process.exitCode = stage.failed ? 1 : 0;
