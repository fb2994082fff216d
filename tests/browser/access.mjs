// Asking for data of another agency and for the values of pseudonyms, in a real Chromium, on the real server.
//
//   METROSOC_URL         the server's address
//   METROSOC_USERS_FILE  {"officer": {"name", "password"}, "owner": {…}, "lead": {…, "codes": […]}, "token", "value"}
//   METROSOC_CHROMIUM    the browser (default /usr/bin/chromium)
import { readFileSync } from "node:fs";
import { expect, Stage } from "./stage.mjs";

const url = process.env.METROSOC_URL.replace(/\/$/, "");
const users = JSON.parse(readFileSync(process.env.METROSOC_USERS_FILE, "utf8"));
const stage = await Stage.open(url);
const { page } = stage;
stage.secrets = [users.officer.password, users.value, users.token, ...users.lead.codes];

const button = (name, exact = false) => page.getByRole("button", { name, exact });
const pane = (name) => page.getByRole("complementary", { name });
const nav = (name) => page.getByRole("navigation", { name: "Main" }).getByRole("link", { name });

async function signIn(user, code) {
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.getByLabel("Account name").fill(user.name);
  await page.getByRole("textbox", { name: "Password" }).fill(user.password);
  await button("Sign in", true).click();
  if (code) {
    await page.getByRole("heading", { name: "Second step" }).waitFor();
    await page.getByLabel("Code").fill(code);
    await button("Sign in", true).click();
  }
  await page.getByRole("navigation", { name: "Main" }).waitFor();
}

async function signOut() {
  await button(/^Account:/).click();
  await button("Sign out").click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
}

async function fill(form, values) {
  for (const [name, value] of Object.entries(values)) await form.getByRole("textbox", { name, exact: true }).fill(value);
}

await stage.step("an officer asks for data of another agency; what is missing is told", async () => {
  await page.goto(`${url}/`);
  await signIn(users.officer);
  await nav("Requests").click();
  await page.getByText("No requests").waitFor();
  await button("Ask for data").click();
  const form = page.getByRole("form", { name: "Ask for data" });
  await fill(form, { "Agency whose data it is": "agency-b", Fields: "source.ip", Purpose: "agency-review" });
  await form.getByRole("button", { name: "Ask for data" }).click();
  await form.locator(".notice.bad").waitFor();
  await stage.audit("request-ask");
  await fill(form, { Reason: "who knocks at both" });
  await form.getByRole("button", { name: "Ask for data" }).click();
  await pane("Request").getByText("0 of 1 approvals").waitFor();
  await stage.audit("request-asked");
  await signOut();
});

await stage.step("the owner approves, and the agreement is there", async () => {
  await signIn(users.owner);
  await nav("Requests").click();
  await button(users.officer.name, true).click();
  await stage.audit("request-decide");
  await pane("Request").getByRole("button", { name: "Approve" }).click();
  await pane("Request").getByText("1 of 1 approvals").waitFor();
  await pane("Request").getByRole("button", { name: "Transfer agreement" }).click();
  await pane("Request").locator("pre", { hasText: "agency-review" }).waitFor();
  await stage.audit("request-granted");
  await signOut();
});

await stage.step("a lead asks for the value of a pseudonym", async () => {
  await signIn(users.lead, users.lead.codes[0]);
  await nav("Reveals").click();
  await button("Ask for values").click();
  const form = page.getByRole("form", { name: "Ask for values" });
  await fill(form, { Pseudonyms: users.token, "Agency whose data it is": "agency-b", Case: "case-9", Reason: "to warn" });
  await stage.audit("reveal-ask");
  await form.getByRole("button", { name: "Ask for values" }).click();
  await pane("Reveal").getByText("0 of 1 approvals").waitFor();
  expect((await pane("Reveal").getByRole("button", { name: "See the values" }).count()) === 0, "nothing to see yet");
  await signOut();
});

await stage.step("the owner of the data agrees, and sees no value himself", async () => {
  await signIn(users.owner);
  await nav("Reveals").click();
  await button(users.lead.name, true).first().click();
  await stage.audit("reveal-decide");
  await pane("Reveal").getByRole("button", { name: "Approve" }).click();
  await pane("Reveal").getByText("1 of 1 approvals").waitFor();
  expect((await pane("Reveal").getByRole("button", { name: "See the values" }).count()) === 0, "the values are not his");
  await signOut();
});

await stage.step("who asked sees the value, for a time that runs, and leaves it behind", async () => {
  await signIn(users.lead, users.lead.codes[1]);
  await nav("Reveals").click();
  await button(users.lead.name, true).first().click();
  await pane("Reveal").getByRole("timer").waitFor();
  await button("See the values").click();
  await pane("Reveal").getByRole("cell", { name: users.value, exact: true }).waitFor();
  await stage.audit("reveal-values");
  await page.keyboard.press("Escape");
  await pane("Reveal").waitFor({ state: "hidden" });
  expect((await page.getByText(users.value).count()) === 0, "what was seen does not stay on the screen");
});

await stage.step("nothing failed unseen, and no secret stood in an address", async () => {
  expect(stage.faults.length === 0, stage.faults.join("; "));
  for (const address of stage.addresses)
    for (const secret of stage.secrets)
      expect(!decodeURIComponent(address).includes(secret), `a secret stands in an address: ${new URL(address).pathname}`);
});

await stage.close().catch(() => undefined);
console.log(`${stage.passed} passed, ${stage.failed} failed`);
process.exitCode = stage.failed ? 1 : 0;
