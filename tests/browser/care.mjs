// Caring for what is found: hiding with a look before, rules, drafts, exceptions, risk, sites.
import { expect } from "./stage.mjs";

/** The steps, in the browser of `stage`, signed in as an analyst of tier 2 with an alert open. */
export async function careSteps({ stage, page, pane, toast, nav, users }) {
  const detail = (name) => page.getByRole("complementary", { name });

  await stage.step("findings like it are hidden only after a look at what that would have hidden", async () => {
    await pane().getByRole("button", { name: /^Hide findings like this/ }).click();
    const dialog = page.getByRole("dialog", { name: "Hide findings like this" });
    await dialog.getByRole("button", { name: "Preview" }).click();
    await dialog.getByText("Write at least 10 characters").waitFor();
    await dialog.getByLabel("Why", { exact: true }).fill("The monthly test of the network team.");
    await dialog.getByRole("button", { name: "Preview" }).click();
    await dialog.getByText("Would have been hidden").waitFor({ timeout: 60_000 });
    await stage.audit("alert-hide");
    await dialog.getByRole("button", { name: "Hide them" }).click();
    await toast("Hidden from now on").waitFor();
    await pane().locator("section", { hasText: "Exceptions" }).getByText("The monthly test of the network team.").waitFor();
  });

  await stage.step("rules are found and opened, with text, versions and a backtest", async () => {
    await nav("Rules").click();
    await page.locator("tr.pick").first().waitFor();
    await stage.audit("rules");
    const drawn = await page.locator("tr.pick").count();
    await page.getByRole("button", { name: /^Show all \d+/ }).click();
    await page.locator("tr.pick").nth(drawn).waitFor();
    expect(drawn === 100, `a hundred rows at first, not ${drawn}`);
    const words = (await page.locator("tr.pick .rowlink").first().innerText()).slice(0, 12);
    await page.getByRole("searchbox").fill(words);
    await page.locator("tr.pick").first().click();
    await detail("Rule").getByRole("heading", { name: "Text in force" }).waitFor();
    await detail("Rule").locator("pre .key").first().waitFor();
    await detail("Rule").getByRole("heading", { name: "Versions" }).waitFor();
    await detail("Rule").getByRole("button", { name: "Run" }).click();
    await detail("Rule").locator(".totals").waitFor({ timeout: 60_000 });
    await stage.audit("rule");
    await page.keyboard.press("Escape");
    await page.getByRole("searchbox").fill("");
  });

  await stage.step("rules that cannot fire say why", async () => {
    await page.getByRole("button", { name: /^Silent/ }).click();
    await page.getByText(/can never fire on what was received/).waitFor();
    await page.locator("tr.pick small").first().waitFor();
    await stage.audit("rules-silent");
    await page.getByRole("button", { name: /^Rejected/ }).click();
    await stage.shot("rules-rejected");
  });

  await stage.step("a draft of a rule is run over history and saved nowhere", async () => {
    await page.getByRole("button", { name: "Try a rule" }).click();
    const draft = "title: Draft\nlogsource:\n    category: any\ndetection:\n    selection:\n        event.dataset: system.auth\n    condition: selection\nlevel: low\n";
    await page.getByRole("textbox", { name: "Sigma rule (YAML)" }).fill(draft);
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.locator(".totals, .notice.bad").first().waitFor({ timeout: 60_000 });
    await stage.audit("rules-try");
  });

  await stage.step("an exception names its owner, reason and end, and is withdrawn with a reason", async () => {
    await page.getByRole("button", { name: /^Exceptions/ }).click();
    const one = page.locator("article", { hasText: "The monthly test of the network team." }).first();
    await one.getByText(`Owner: ${users.tier2.name}`).waitFor();
    await stage.audit("rules-exceptions");
    await one.getByRole("button", { name: "Withdraw…" }).click();
    await one.getByLabel(/Why it ends/).fill("The test is over for this month.");
    await one.getByRole("button", { name: "Withdraw", exact: true }).click();
    await toast("The exception is withdrawn").waitFor();
    await page.locator("article", { hasText: "The test is over for this month." }).first().getByText("Withdrawn", { exact: true }).waitFor();
  });

  await stage.step("risk leads to the alerts behind it", async () => {
    await nav("Risk").click();
    await page.locator("tr.pick").first().click();
    await detail("Entity").getByRole("heading", { name: /^Alerts behind it/ }).waitFor();
    await detail("Entity").locator("li .link").first().waitFor();
    await stage.audit("risk");
    await page.keyboard.press("Escape");
    await detail("Entity").waitFor({ state: "hidden" });
  });

  await stage.step("a site tells what it sends", async () => {
    await nav("Sites").click();
    await page.locator("tr.pick").first().waitFor();
    await stage.audit("sites");
    await page.keyboard.press("j");
    await page.waitForFunction(() => document.activeElement?.matches("[data-row]"));
    await page.keyboard.press("Enter");
    await detail("Site").getByRole("heading", { name: /^Sources/ }).waitFor();
    await detail("Site").getByText("State", { exact: true }).first().waitFor();
    await stage.audit("site");
    await page.keyboard.press("Escape");
    await detail("Site").waitFor({ state: "hidden" });
  });

  await stage.step("sites are filtered by how they send", async () => {
    const show = page.getByRole("group", { name: "Which sites" });
    const all = await page.locator("tr.pick").count();
    await show.getByRole("button", { name: /^Clock off/ }).click();
    await page.waitForURL(/show=skewed/);
    await page.waitForFunction((all) => document.querySelectorAll("tr.pick").length < all, all);
    await show.getByRole("button", { name: /^All/ }).click();
    await page.waitForFunction((all) => document.querySelectorAll("tr.pick").length === all, all);
    await page.keyboard.press("/");
    await page.keyboard.type("zzzz-no-such-site");
    await page.getByText("No site fits these filters").waitFor();
    await page.getByRole("searchbox", { name: "Name, id, agency or address" }).fill("");
    await page.locator("tr.pick").first().waitFor();
  });
}
