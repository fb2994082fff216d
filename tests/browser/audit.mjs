// Oversight: an auditor reads who did what, entries with their proof, and whether the record is whole.
import { expect } from "./stage.mjs";

/** The steps, in the browser of `stage`, from signing in to signing out. */
export async function auditSteps({ stage, page, signIn, signOut, users }) {
  await stage.step("an auditor is offered records and no data: who did what, entries with their proof, and whether it is whole", async () => {
    await signIn(users.auditor);
    const offered = await page.getByRole("navigation", { name: "Main" }).getByRole("link").allTextContents();
    expect(offered.length === 3 && !/Alerts|Search/.test(offered.join()), `audit record, requests and reveals alone, not ${offered}`);
    const acts = page.getByRole("table", { name: "Who did what" });
    await acts.getByText(users.tier2.name).first().waitFor();
    await stage.audit("audit-acts");
    await page.getByLabel("Person").selectOption(users.tier2.name);
    await acts.locator("tr.pick").first().click();
    expect(!page.url().includes(users.tier2.name), "nobody's name is in the address");
    await page.getByRole("button", { name: /^Ledger entry/ }).click();
    await page.getByRole("table", { name: "Ledger entries" }).locator("tr.inside").getByText("Hash before").waitFor();
    await page.getByRole("button", { name: "Prove that it stands in the record" }).first().click();
    await page.getByText(/Proven by \d+ hash/).waitFor();
    await stage.audit("audit-entries");
    await page.getByRole("button", { name: "Is it whole?" }).click();
    await page.getByText("Signed by").first().waitFor();
    await page.getByRole("button", { name: "Verify now" }).click();
    await page.getByText(/The record is whole/).waitFor({ timeout: 60_000 });
    await stage.audit("audit-ledger");
    await signOut();
  });
}
