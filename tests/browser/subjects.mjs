// Requests of data subjects with their clocks, what is held on a person, restriction and destruction by two, in a real
// Chromium, on the real server.
//
//   METROSOC_URL         the server's address
//   METROSOC_USERS_FILE  {"officer": {"name", "password"}, "second": {…}, "lead": {…}, "values": ["…", "…"]}
//   METROSOC_CHROMIUM    the browser (default /usr/bin/chromium)
import { readFileSync } from "node:fs";
import { expect, Stage } from "./stage.mjs";

const url = process.env.METROSOC_URL.replace(/\/$/, "");
const users = JSON.parse(readFileSync(process.env.METROSOC_USERS_FILE, "utf8"));
const [restricted, destroyed] = users.values;
const stage = await Stage.open(url);
const { page } = stage;
stage.secrets = [users.officer.password, users.second.password, ...users.values];

const button = (name, exact = false) => page.getByRole("button", { name, exact });
const pane = () => page.getByRole("complementary", { name: "Request of a data subject" });
const nav = () => page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Data subjects" });
const box = (name) => page.getByRole("textbox", { name, exact: true });

async function signIn(user) {
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.getByLabel("Account name").fill(user.name);
  await page.getByRole("textbox", { name: "Password" }).fill(user.password);
  await button("Sign in", true).click();
  await page.getByRole("navigation", { name: "Main" }).waitFor();
}

async function signOut() {
  await button(/^Account:/).click();
  await button("Sign out").click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
}

/** What a click saves on the reader's disk. */
async function saved(act) {
  const coming = page.waitForEvent("download");
  await act();
  const file = await coming;
  return { name: file.suggestedFilename(), text: readFileSync(await file.path(), "utf8") };
}

await stage.step("a lead, who may not, has no way to the screen", async () => {
  await page.goto(`${url}/`);
  await signIn(users.lead);
  expect((await nav().count()) === 0, "the way there is offered");
  await page.goto(`${url}/#/subjects`);
  await page.waitForFunction(() => location.hash.startsWith("#/alerts"));
  expect((await page.getByText("Requests and breaches").count()) === 0, "the screen is shown");
  await signOut();
});

await stage.step("a request is taken in by the keyboard, and its clocks run", async () => {
  await signIn(users.officer);
  await page.keyboard.press("g");
  await page.keyboard.press("d");
  await page.getByText("No requests of data subjects").waitFor();
  await page.keyboard.press("n");
  const form = page.getByRole("form", { name: "New request" });
  await form.getByRole("textbox", { name: "Values of the person" }).fill(restricted);
  await form.getByRole("textbox", { name: "Number of the paper" }).fill(`đơn của ${restricted}`);
  await form.getByRole("button", { name: "Take it in" }).click();
  await form.locator(".notice.bad").waitFor();
  await stage.audit("subject-new");
  await form.getByRole("textbox", { name: "Number of the paper" }).fill("đơn số 14/2026");
  await form.getByRole("combobox", { name: "What is asked for" }).selectOption("erase");
  await form.getByRole("button", { name: "Take it in" }).click();
  await pane().getByText(/\d+ days left/).first().waitFor();
  expect((await pane().getByText(/^pph/).count()) === 1, "the pseudonym is not there");
  expect((await page.getByText(restricted).count()) === 0, "the value is kept");
  await stage.audit("subject-request");
});

await stage.step("the form is filled in and saved; receipt is confirmed, once put off, and it is refused with a basis", async () => {
  await pane().getByRole("button", { name: "Form that is due" }).click();
  await pane().locator("pre", { hasText: "Thông báo đã tiếp nhận" }).waitFor();
  const file = await saved(() => pane().getByRole("button", { name: "Save the form" }).click());
  expect(file.name.endsWith(".md") && file.text.includes("đơn số 14/2026"), `the form is not saved: ${file.name}`);
  await pane().getByRole("button", { name: "Receipt was confirmed" }).click();
  await pane().getByRole("button", { name: "Receipt was confirmed" }).waitFor({ state: "detached" });
  await pane().getByRole("textbox", { name: "Reason" }).fill("nhiều hệ thống");
  await pane().getByRole("button", { name: "Put off once" }).click();
  await pane().getByRole("button", { name: "Put off once" }).waitFor({ state: "detached" });
  await pane().getByRole("combobox", { name: "How it ended" }).selectOption("refused");
  await pane().getByRole("button", { name: "Close the request" }).click();
  await pane().locator(".notice.bad").waitFor();
  await pane().getByRole("textbox", { name: "Reason" }).fill("phải lưu nhật ký");
  await pane().getByRole("textbox", { name: "Legal basis" }).fill("Nghị định 53/2022");
  await pane().getByRole("button", { name: "Close the request" }).click();
  await pane().getByText("did not grant it").waitFor();
  await page.keyboard.press("Escape");
  await pane().waitFor({ state: "hidden" });
});

await stage.step("a breach that was found days ago is overdue, in red", async () => {
  await button("New request").click();
  const form = page.getByRole("form", { name: "New request" });
  await form.getByRole("textbox", { name: "Number of the paper" }).fill("sự cố 3/2026");
  await form.getByRole("combobox", { name: "What is asked for" }).selectOption("breach");
  await form.getByLabel("Received").fill("2026-01-05T08:00");
  await form.getByRole("button", { name: "Take it in" }).click();
  await pane().waitFor();
  await page.keyboard.press("Escape");
  await page.locator("td .chip.bad", { hasText: "overdue by" }).waitFor();
  await stage.audit("subject-overdue");
});

await stage.step("what is held on a person is found and handed over, and does not stay on the screen", async () => {
  await button("What is held on a person").click();
  await box("Values of the person").fill(restricted);
  await button("Find", true).click();
  await page.locator(".notice.bad").waitFor();
  await box("Reason").fill("đơn số 15/2026");
  await button("Find", true).click();
  await page.getByText("1 value is held.").waitFor();
  await stage.audit("subject-person");
  await button("Hand over").click();
  await page.getByText("2 events speak of the person.").waitFor();
  const file = await saved(() => button("Save as a document").click());
  expect(file.text.includes(restricted) && !file.text.includes(destroyed), "what was handed over is not the person's own");
  await page.keyboard.press("Escape");
  await button("Save as a document").waitFor({ state: "detached" });
  expect((await box("Values of the person").inputValue()) === "", "the value stays");
});

await stage.step("a person is restricted, and that is lifted", async () => {
  await box("Values of the person").fill(restricted);
  await box("Reason").fill("đơn số 15/2026");
  await button("Restrict processing").click();
  await page.getByText("1 pseudonym is restricted now.").waitFor();
  await button("Restrictions", true).click();
  await page.getByRole("cell", { name: "đơn số 15/2026" }).waitFor();
  await stage.audit("subject-restrictions");
  await box("Why it is lifted").fill("đã giải quyết");
  await button("Lift", true).click();
  await button("Lift", true).waitFor({ state: "detached" });
});

await stage.step("destruction is ordered by one, who cannot approve it", async () => {
  await button("What is held on a person").click();
  await box("Values of the person").fill(destroyed);
  await box("Reason").fill("đơn số 16/2026");
  expect(await button("Destroy for ever").isDisabled(), "it takes no second thought");
  await page.getByRole("checkbox", { name: /nobody can undo/ }).check();
  await button("Destroy for ever").click();
  await page.getByText("The order waits for a second person.").waitFor();
  await button("Destruction", true).click();
  await page.getByText("đơn số 16/2026").waitFor();
  expect((await button("Approve and destroy").count()) === 0, "who ordered it may approve it");
  await stage.audit("subject-waiting");
  await signOut();
});

await stage.step("a second person destroys, and gets the signed certificate", async () => {
  await signIn(users.second);
  await nav().click();
  await button("Destruction", true).click();
  await page.getByRole("checkbox", { name: /nobody can undo/ }).check();
  await button("Approve and destroy").click();
  await page.getByText(/^Destroyed\. Certificate/).waitFor();
  await page.getByText("No order waits").waitFor();
  const file = await saved(() => button("Save the certificate").click());
  const { certificate } = JSON.parse(file.text);
  expect(certificate.keys_left === 0 && certificate.rows_left === 0, "something is left");
  expect(certificate.ordered_by === `${users.officer.name}, ${users.second.name}`, certificate.ordered_by);
});

await stage.step("it speaks Vietnamese", async () => {
  await button("VI Tiếng Việt").click();
  await page.getByRole("button", { name: "Yêu cầu và vi phạm" }).click();
  await page.locator("td .chip.bad", { hasText: "quá hạn" }).waitFor();
  await stage.audit("subject-vietnamese");
});

await stage.step("nothing failed unseen, and no secret stood in an address", async () => {
  const faults = stage.faults.filter((fault) => !/status of 409/.test(fault));
  expect(faults.length === 0, faults.join("; "));
  for (const address of stage.addresses)
    for (const secret of stage.secrets)
      expect(!decodeURIComponent(address).includes(secret), `a secret stands in an address: ${new URL(address).pathname}`);
});

await stage.close().catch(() => undefined);
console.log(`${stage.passed} passed, ${stage.failed} failed`);
process.exitCode = stage.failed ? 1 : 0;
