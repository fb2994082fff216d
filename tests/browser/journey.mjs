// An analyst's way through the page in a real Chromium: set-up, sign-in, triage, search, languages, themes, keyboard, sign-out.
//
//   METROSOC_URL              the server's address; without it the stand-in of mock/ is started
//   METROSOC_SETUP_CODE_FILE  file with the first administrator's one-time code, where set-up is still open
//   METROSOC_USERS_FILE       {"admin": {"name", "password"}, "tier2": {…}, "tier1": {…}, "auditor": {…}}; the last two may be left out
//   METROSOC_QUERY            a query that finds events (default event.outcome:failure)
//   METROSOC_CHROMIUM         the browser (default /usr/bin/chromium)
import { readFileSync } from "node:fs";
import { auditSteps } from "./audit.mjs";
import { careSteps } from "./care.mjs";
import { Mock } from "./mock/server.mjs";
import { expect, Stage } from "./stage.mjs";

const QUERY = process.env.METROSOC_QUERY ?? "event.outcome:failure";

async function world() {
  if (process.env.METROSOC_URL) {
    const codeFile = process.env.METROSOC_SETUP_CODE_FILE;
    const users = JSON.parse(readFileSync(process.env.METROSOC_USERS_FILE, "utf8"));
    return {
      url: process.env.METROSOC_URL.replace(/\/$/, ""),
      code: codeFile ? readFileSync(codeFile, "utf8").trim() : undefined,
      users,
      stop: async () => undefined,
    };
  }
  const users = {
    admin: { name: "quantri", password: "mot cau rat dai cho may thu" },
    tier2: { name: "tier2", password: "tier2 mat khau cho may thu", role: "analyst-tier2" },
    tier1: { name: "tier1", password: "tier1 mat khau cho may thu", role: "analyst-tier1" },
    auditor: { name: "kiemtoan", password: "kiem toan mat khau cho may thu", role: "auditor" },
  };
  const code = "7K4M-9QXW-T2ND";
  const mock = new Mock({ setupCode: code, users: { tier2: users.tier2, tier1: users.tier1, auditor: users.auditor } });
  const { url, stop } = await mock.listen();
  return { url, code, users, stop };
}

const { url, code, users, stop } = await world();
const stage = await Stage.open(url);
const { page } = stage;
stage.secrets = [code, ...Object.values(users).map((user) => user.password)].filter(Boolean);

const button = (name, exact = false) => page.getByRole("button", { name, exact });
const rows = () => page.locator('[role="row"][data-alert]');
const pane = () => page.getByRole("complementary", { name: /Alert|Chi tiết cảnh báo/ });
const nav = (name) => page.getByRole("navigation", { name: "Main" }).getByRole("link", { name });
const slider = () => page.getByRole("slider");
const toast = (text) => page.getByRole("region", { name: "Messages" }).getByText(text);

async function signIn(user) {
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

async function searched() {
  await page.locator(".results [role=status] strong").waitFor();
  await page.waitForFunction(() => !document.querySelector(".hits.old, .chart.old"));
}

await stage.step("the page comes with a strict content policy", async () => {
  const response = await page.goto(`${url}/`);
  const policy = response.headers()["content-security-policy"] ?? "";
  expect(/script-src 'self'(;|$)/.test(policy) || /default-src 'self'(;|$)/.test(policy), `policy is \`${policy}\``);
  expect(!policy.includes("unsafe"), `policy is \`${policy}\``);
  await page.getByRole("heading", { level: 1 }).waitFor();
});

if (code) {
  await stage.step("set-up: faults are named, then the first administrator is made", async () => {
    await page.getByRole("heading", { name: "Set up MetroSOC" }).waitFor();
    await stage.audit("setup");
    await button("Make the administrator").click();
    await page.getByText("Use at least 12 characters.").waitFor();
    await page.getByLabel("One-time code").fill("wrong-code");
    await page.getByLabel("Account name").fill(users.admin.name);
    await page.getByRole("textbox", { name: "Password", exact: true }).fill(users.admin.password);
    await page.getByRole("textbox", { name: "Password again" }).fill(users.admin.password);
    await button("Make the administrator").click();
    await page.locator(".notice.bad").waitFor();
    await stage.shot("setup-refused");
    await page.getByLabel("One-time code").fill(code);
    await button("Make the administrator").click();
    await page.getByRole("navigation", { name: "Main" }).waitFor();
  });
  await stage.step("the administrator signs out", signOut);
}

await stage.step("sign-in: a wrong password is refused, the right one opens", async () => {
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await stage.audit("sign-in");
  await page.getByLabel("Account name").fill(users.tier2.name);
  await page.getByRole("textbox", { name: "Password" }).fill("not the password");
  await button("Sign in", true).click();
  await page.getByText("Name or password is wrong.").waitFor();
  await signIn(users.tier2);
});

await stage.step("alerts are listed with what an analyst needs", async () => {
  await rows().first().waitFor();
  expect((await page.getByRole("columnheader").count()) === 9, "nine columns");
  const text = await rows().first().innerText();
  expect(/Critical|High|Medium|Low|Info/.test(text), `no level in \`${text}\``);
  await stage.audit("alerts");
});

await stage.step("alerts are filtered by level, status and text, and the filter is left again", async () => {
  await page.getByRole("group", { name: "Status" }).getByRole("button", { name: "All" }).click();
  await page.waitForURL(/status=all/);
  await page.getByRole("searchbox").fill("zzzz-no-such-thing");
  await page.getByText("No alert fits these filters").waitFor();
  await stage.audit("alerts-none");
  expect(!page.url().includes("zzzz"), "the filter text is not in the address");
  await page.locator(".bar").getByRole("button", { name: "Clear filters" }).click();
  await rows().first().waitFor();
});

await stage.step("an alert opens with entities, tags, events, history and the reason", async () => {
  const fresh = rows().filter({ has: page.locator(".status.new") });
  await ((await fresh.count()) ? fresh : rows()).first().click();
  await pane().getByRole("heading", { level: 2 }).waitFor();
  for (const name of ["Summary", "Entities", "Why it fired", "Response plans", "Exceptions", "History", "Rule", "Why may I see this?"])
    await pane().getByRole("heading", { name, exact: true }).waitFor();
  await pane().getByRole("heading", { name: /^Events/ }).waitFor();
  await pane().locator("section", { hasText: "Why it fired" }).locator("li .subject").first().waitFor();
  expect(/#\/alerts\/.+/.test(page.url()), "the alert is in the address");
  await stage.audit("alert");
});

await stage.step("the alert is acknowledged", async () => {
  const acknowledge = pane().getByRole("button", { name: "Acknowledge" });
  if (await acknowledge.isVisible()) {
    await acknowledge.click();
    await toast("Acknowledged").waitFor();
    await stage.shot("alert-acknowledged");
  }
  await pane().locator(".status.acknowledged").first().waitFor();
});

await stage.step("the alert is assigned, and its history says by whom", async () => {
  const mine = pane().getByRole("button", { name: "Assign to me" });
  if (await mine.isVisible()) {
    await mine.click();
    await toast(`Assigned to ${users.tier2.name}`).waitFor();
  }
  await pane().locator("section", { hasText: "History" }).getByText(users.tier2.name).first().waitFor();
  await mine.waitFor({ state: "hidden" });
});

await stage.step("closing is a choice between real and false, and can be undone", async () => {
  await pane().getByRole("button", { name: "Close", exact: true }).click();
  await page.getByRole("menuitem", { name: /False alarm/ }).waitFor();
  await stage.audit("alert-close-menu");
  await page.getByRole("menuitem", { name: /False alarm/ }).click();
  await pane().locator(".status.closed_false").waitFor();
  await page.getByRole("region", { name: "Messages" }).locator(".toast", { hasText: "Closed" }).getByRole("button", { name: "Undo" }).click();
  await pane().locator(".status.acknowledged").waitFor();
});

await careSteps({ stage, page, pane, toast, nav, users });

await stage.step("a search finds events, with a histogram", async () => {
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: /Search/ }).click();
  await page.getByRole("combobox", { name: "Query" }).waitFor();
  await searched();
  await page.getByRole("combobox", { name: "Query" }).fill(QUERY);
  await page.keyboard.press("Enter");
  await searched();
  expect((await page.locator("tr.hit").count()) > 0, "there are hits");
  expect((await slider().locator("rect.bar").count()) > 0, "there are bars");
  expect(!decodeURIComponent(page.url()).includes(QUERY), "the query is not in the address");
  await stage.audit("search");
});

await stage.step("a search is given on as a link, and the link leaves no query in the address", async () => {
  await button("Link to this search").click();
  await stage.audit("search-link");
  const link = await page.getByRole("textbox", { name: "Link to this search" }).inputValue();
  expect(decodeURIComponent(link).includes(QUERY), `the link is \`${link}\``);
  await page.keyboard.press("Escape");
  await nav(/^Alerts/).click();
  await rows().first().waitFor();
  await page.evaluate((address) => location.assign(address), new URL(link).hash);
  await searched();
  expect((await page.getByRole("combobox", { name: "Query" }).inputValue()) === QUERY, "the query came with the link");
  expect(!decodeURIComponent(page.url()).includes(QUERY), "the query does not stay in the address");
});

await stage.step("a bare word is marked where it was found", async () => {
  const word = (await page.locator("tr.hit .summary").first().innerText()).match(/[A-Za-z]{5,}/)?.[0];
  expect(word, "the first event has a word");
  await page.getByRole("combobox", { name: "Query" }).fill(word);
  await button("Search", true).click();
  await page.locator("tr.hit mark").first().waitFor();
});

await stage.step("a bad query shows its place", async () => {
  await page.getByRole("combobox", { name: "Query" }).fill("user.name:(root OR admin");
  await button("Search", true).click();
  await page.getByText(/At character \d+/).waitFor();
  await stage.audit("search-fault");
  await page.getByRole("combobox", { name: "Query" }).fill(QUERY);
  await button("Search", true).click();
  await page.locator(".fault").waitFor({ state: "hidden" });
  await searched();
});

await stage.step("the histogram has a table twin, and dragging over bars narrows the time", async () => {
  await button("Show as table").click();
  await page.getByRole("columnheader", { name: "Share" }).waitFor();
  await stage.audit("search-histogram-table");
  await button("Show as chart").click();
  const box = await slider().boundingBox();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.9, box.y + 40, { steps: 5 });
  await stage.shot("search-brush");
  await page.mouse.up();
  await page.waitForURL(/from=20/);
  await searched();
  await page.goBack();
  await searched();
});

await stage.step("an event opens, and a value becomes a filter", async () => {
  const before = await page.getByRole("combobox", { name: "Query" }).inputValue();
  await page.locator("tr.hit").first().click();
  await page.locator("tr.inside").getByText("event.dataset").waitFor();
  await stage.audit("search-event");
  const line = page.locator("tr.inside tbody tr", { hasText: "event.dataset" });
  await line.hover();
  await line.getByRole("button", { name: /^Only/ }).click();
  await searched();
  const after = await page.getByRole("combobox", { name: "Query" }).inputValue();
  expect(after !== before && after.includes("event.dataset:"), `query is \`${after}\``);
});

await stage.step("the field list shows frequent values and makes columns", async () => {
  const list = page.getByRole("region", { name: "Fields", exact: true });
  await list.getByRole("searchbox").fill("source.ip");
  await list.getByRole("button", { name: "source.ip", exact: true }).click();
  await list.getByRole("group", { name: /Most frequent/ }).waitFor();
  await list.getByRole("button", { name: "Show source.ip as a column" }).click();
  await page.getByRole("columnheader", { name: "source.ip" }).waitFor();
  await stage.audit("search-fields");
  await button(/Reset columns/).click();
  await list.getByRole("searchbox").fill("");
});

await stage.step("the time is chosen as relative or absolute text", async () => {
  await button(/^Time range/).click();
  await stage.audit("search-time");
  await page.getByLabel("From", { exact: true }).fill("gestern");
  await button("Apply").click();
  await page.getByText("This is no time.").first().waitFor();
  await page.getByLabel("From", { exact: true }).fill("now-2d");
  await page.getByLabel("To", { exact: true }).fill("now");
  await button("Apply").click();
  await page.waitForURL(/from=now-2d/);
  await searched();
});

await stage.step("Vietnamese and back", async () => {
  await page.getByRole("button", { name: "VI Tiếng Việt" }).click();
  await page.getByRole("navigation", { name: "Điều hướng chính" }).waitFor();
  expect((await page.getAttribute("html", "lang")) === "vi", "the language is declared");
  await stage.audit("search-vi");
  await page.getByRole("link", { name: /Cảnh báo/ }).click();
  await rows().first().waitFor();
  await stage.audit("alerts-vi");
  await rows().first().click();
  await pane().getByRole("heading", { level: 2 }).waitFor();
  await stage.audit("alert-vi");
  for (const [name, shot] of [["Luật", "rules-vi"], ["Rủi ro", "risk-vi"], ["Điểm", "sites-vi"]]) {
    await page.getByRole("navigation", { name: "Điều hướng chính" }).getByRole("link", { name }).click();
    await page.locator("tr.pick").first().waitFor();
    await stage.audit(shot);
  }
  await page.getByRole("link", { name: /Cảnh báo/ }).click();
  await rows().first().waitFor();
  await rows().first().click();
  await pane().getByRole("heading", { level: 2 }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "EN English" }).click();
  await page.getByRole("navigation", { name: "Main" }).waitFor();
});

await stage.step("light, dark and system", async () => {
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  await button("Dark", true).click();
  expect((await theme()) === "dark", "dark");
  await page.reload();
  await rows().first().waitFor();
  expect((await theme()) === "dark", "dark is remembered");
  await button("Light", true).click();
  expect((await theme()) === "light", "light");
  await button("System", true).click();
});

await stage.step("without a mouse: skip link, list, actions, search, histogram, help", async () => {
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const focused = (selector) => page.waitForFunction((s) => document.activeElement?.matches(s), selector);
  await page.reload();
  await rows().first().waitFor();
  await press("Tab");
  await focused(".skip");
  await stage.shot("keyboard-skip-link");
  await press("Enter");
  await focused("#main");
  await press("j");
  await focused('[role="row"][data-alert]');
  await press("k", "ArrowDown", "ArrowUp");
  await stage.shot("keyboard-row");
  await press("Enter");
  await pane().getByRole("heading", { level: 2 }).waitFor();
  await press("]", "[");
  await pane().getByRole("heading", { level: 2 }).waitFor();
  await press("c");
  await focused('[role="menuitem"]');
  await press("Escape");
  await press("Escape");
  await pane().waitFor({ state: "hidden" });
  await focused('[role="row"][data-alert]');
  await press("/");
  await focused('input[type="search"]');
  await press("Escape");
  await press("g", "s");
  await searched();
  await press("/");
  await focused('[role="combobox"]');
  await press("Control+A");
  await page.keyboard.type("event.outc");
  await page.getByRole("option").first().waitFor();
  await stage.shot("keyboard-offered");
  await press("ArrowDown", "Enter");
  await page.keyboard.type("failure");
  await press("Enter");
  await searched();
  for (let tabs = 0; tabs < 400 && !(await page.evaluate(() => document.activeElement?.matches('[role="slider"]'))); tabs += 1)
    await press("Tab");
  await focused('[role="slider"]');
  await press("End", "Shift+ArrowLeft", "Shift+ArrowLeft");
  await stage.shot("keyboard-histogram");
  await press("Enter");
  await page.waitForURL(/from=20/);
  await searched();
  await press("?");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  await stage.audit("help");
  await press("Escape");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor({ state: "hidden" });
  await press("g", "a");
  await rows().first().waitFor();
});

await stage.step("on a telephone's width", async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await stage.audit("narrow-alerts");
  await rows().first().click();
  await pane().getByRole("heading", { level: 2 }).waitFor();
  await stage.audit("narrow-alert");
  await page.getByRole("link", { name: /Search/ }).click();
  await searched();
  await stage.audit("narrow-search");
  await button(/^Account:/).click();
  await stage.audit("narrow-account");
  await page.keyboard.press("Escape");
  for (const [name, shot] of [["Rules", "narrow-rules"], ["Risk", "narrow-risk"], ["Sites", "narrow-sites"]]) {
    await nav(name).click();
    await page.locator("tr.pick").first().waitFor();
    await stage.audit(shot);
    await page.locator("tr.pick").first().click();
    await page.getByRole("complementary").first().waitFor();
    await stage.audit(`${shot}-open`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(wide <= 390, `${name} is ${wide} px wide`);
  }
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(wide <= 390, `the page is ${wide} px wide`);
});
await page.setViewportSize({ width: 1440, height: 900 }).catch(() => undefined);

await stage.step("sign-out ends the session", async () => {
  await signOut();
  const status = await page.evaluate(async () => (await fetch("/api/v1/session")).status);
  expect(status === 401, `the session answers ${status}`);
});

if (users.tier1) {
  await stage.step("a role behind masks sees marks, and no search by masked fields or bare words", async () => {
    await signIn(users.tier1);
    await rows().first().click();
    await pane().getByRole("heading", { level: 2 }).waitFor();
    await pane().locator(".masked").first().waitFor();
    await stage.audit("alert-masked");
    await page.getByRole("link", { name: /Search/ }).click();
    await searched();
    await page.getByText("Your role does not see message text").waitFor();
    await page.locator(".fields .shut").first().waitFor();
    await page.locator("tr.hit").first().click();
    await page.locator("tr.inside").first().waitFor();
    expect((await page.getByRole("combobox", { name: "Query" }).inputValue()) === "", "nothing is left of the account before");
    await stage.audit("search-masked");
    await signOut();
  });
}

if (users.auditor) await auditSteps({ stage, page, signIn, signOut, users });

await stage.step("no script error, no refused content, no secret in an address", async () => {
  expect(stage.faults.length === 0, stage.faults.join("\n"));
  for (const address of stage.addresses)
    for (const secret of stage.secrets)
      expect(!decodeURIComponent(address).includes(secret), `a secret stands in an address: ${new URL(address).pathname}`);
});

await stage.close().catch(() => undefined);
await stop();
console.log(`${stage.passed} passed, ${stage.failed} failed`);
process.exitCode = stage.failed ? 1 : 0;
