import { readFileSync } from "node:fs";
import { join } from "node:path";
import { encodeFunctionData, numberToHex } from "viem";
import { credentialRootsAbi } from "laminate-zkml/abi";
import { readDeployment, readMembership } from "laminate-zkml";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { fixtures, ready, Stage } from "../../shared/test/stage.js";

const fixture = (file: string) => join(fixtures, "poll", file);
// Of one credential: for choice 1 by anvil's second account, and for choice 2 by anybody.
const [own, relayed, member] = [fixture("vote.proof"), fixture("relayed.proof"), fixture("me.member")];
const record = readFileSync(fixture("deployment.json"), "utf8");
const deployment = readDeployment(record);
const deadline = deployment.poll?.deadline ?? 0;
const question = { question: "Where shall the library stand?", choices: ["At the harbour", "At the market", "By the school"] };

describe.skipIf(!ready)("the page of a poll", () => {
  let stage: Stage;
  beforeAll(async () => {
    const files = {
      "deployment.json": record,
      "program.json": readFileSync(join(fixtures, "packed.program.json"), "utf8"),
      "question.json": JSON.stringify(question),
    };
    // An hour before the end, whatever day it is.
    stage = await Stage.start("eligibility", "poll/state.hex", files, deadline - 3600);
  }, 180_000);
  afterAll(() => stage?.stop(), 60_000);
  beforeEach(async () => {
    const close = await stage.open();
    stage.account = 1;
    return close;
  }, 60_000);

  const tally = () => stage.page.textContent("#tally");

  it("shows how a vote is proven, verifies it, votes, and counts", async () => {
    const { page } = stage;
    expect(await page.textContent("#question")).toBe(question.question);
    expect(await page.textContent("#terms")).toMatch(/open until2027-01-22 .*newest root0x[0-9a-f]{64}, valid until 2027/);
    expect(await page.isVisible("#development")).toBe(true);
    await page.click("#check");
    await stage.says(/All \d+ facts of the record are so on the chain/);
    expect(await page.textContent("#checks")).toContain("deadline of the poll (node)");

    await page.setInputFiles("#identity", fixture("me.identity"));
    await stage.says("Nothing of it left this page.");
    await page.setInputFiles("#member", member);
    await expect.poll(() => page.textContent("#voter")).toMatch(/root0x[0-9a-f]{64}, valid until 2027/);
    await page.click("#voted");
    await stage.says("This credential has not voted, says the node.");
    await page.selectOption("#choice", { label: "At the market" });
    await page.click("#prepare");
    await stage.says("Run the commands");
    // The commands name what the proof, which the command line made of them, is bound to.
    const bound = (await page.textContent("#command"))?.match(/--scope (0x[0-9a-f]{64}) --context (0x[0-9a-f]{64}) -o vote.proof$/);
    expect(bound).toHaveLength(3);
    const [scope, context] = (await page.locator("#binding dd").allTextContents()).slice(2);
    expect([bound?.[1], bound?.[2]]).toEqual([scope, context]);

    await page.setInputFiles("#proof", own);
    await stage.says("The proof holds: a vote for “At the market” that 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 may send.");
    expect(await page.textContent("#statement")).toMatch(/eligibleyes.*whose values: the proof hides them/);
    expect(await page.isVisible("#relay")).toBe(false);
    await page.click("#send");
    await stage.says("Voted for “At the market”.");
    expect(await tally()).toBe("At the harbour: 0At the market: 1By the school: 0");

    // The same credential, by another proof for another choice.
    await page.setInputFiles("#proof", relayed);
    await stage.says("a vote for “By the school” that anyone may send");
    await page.click("#send");
    await stage.alerts(/the contract refuses: .*has voted.*\(VotedBefore\)/);
    await page.click("#voted");
    await stage.says("This credential has voted, says the node.");

    // What was done is on the chain; the secret was in the page alone.
    await page.reload();
    await stage.says("Ready.");
    expect(await page.textContent("#voter")).toBe("");
    await page.click("#refresh");
    await stage.says("1 votes, says the node.");
    expect(stage.problems).toEqual([]);
  }, 120_000);

  it("goes on after a reload in the middle, and by a relayer", async () => {
    const { page } = stage;
    await page.selectOption("#sender", "anyone");
    await page.click("#prepare");
    await stage.says("Run the commands");
    await page.reload();
    await stage.says("Ready.");
    // Without a wallet: the file is for somebody else's.
    await page.setInputFiles("#proof", relayed);
    await stage.says("that anyone may send");
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#relay")]);
    const { chainId, to, data } = JSON.parse(readFileSync(await download.path(), "utf8"));
    expect(chainId).toBe(31337);
    const [, , , relayer] = (await stage.anvil.request("eth_accounts")) as string[];
    await stage.anvil.request("eth_sendTransaction", [{ from: relayer, to, data }]);
    await expect.poll(async () => (await page.click("#refresh"), tally())).toContain("By the school: 1");
  }, 60_000);

  it("makes an identity here that the command line can read", async () => {
    const { page } = stage;
    await page.click("#make");
    await stage.says("Made.");
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save")]);
    const made = readFileSync(await download.path());
    const kept = readFileSync(fixture("me.identity"));
    expect([made.length, made.subarray(0, 24)]).toEqual([kept.length, kept.subarray(0, 24)]);
    await page.setInputFiles("#identity", { name: "me.identity", mimeType: "", buffer: made });
    await stage.says("Read.");
    await page.setInputFiles("#member", own);
    await stage.alerts(/this is a file of kind "PROF", expected CMEM/);
    expect(stage.problems).toEqual([]);
  }, 60_000);

  it("refuses forged files, proofs of another program, and those for another sender", async () => {
    const { page } = stage;
    const forged = stage.forged(own);
    await page.setInputFiles("#proof", forged.altered);
    await stage.alerts(/its SHA-256 digest does not match/);
    await page.setInputFiles("#proof", forged.resealed);
    await stage.alerts(/refused: the last word of the proof is not the inverse/);
    await page.setInputFiles("#proof", join(fixtures, "bound.proof"));
    await stage.alerts("refused: the proof is of another program than the record");
    expect(await page.textContent("#verdict")).toBe("✗ refused by this page");
    stage.account = 0;
    await page.setInputFiles("#proof", own);
    await stage.alerts(/its context is for another sender than 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266/i);
    expect(await page.isDisabled("#send")).toBe(true);
    await page.selectOption("#wallet", "");
    await page.setInputFiles("#proof", []);
    await page.setInputFiles("#proof", own);
    await stage.alerts(/choose the wallet that it names/);
    expect(await page.isDisabled("#send")).toBe(true);
  }, 60_000);

  it("says what a wallet rejects, and which chain it is on", async () => {
    const { page } = stage;
    await page.setInputFiles("#proof", own);
    await stage.says("The proof holds");
    stage.reject = true;
    await page.click("#send");
    await stage.alerts("you rejected it in the wallet; nothing was sent");
    stage.reject = false;
    stage.chainId = "0x1";
    await page.click("#send");
    await stage.alerts("the wallet is on chain 1, the deployment on chain 31337; switch it");
    await page.click("#refresh");
    await stage.says("0 votes, says the node.");
  }, 60_000);

  it("refuses a revoked root, and votes after the end", async () => {
    const { page, anvil } = stage;
    await page.setInputFiles("#proof", own);
    await stage.says("The proof holds");
    const snapshot = await anvil.request("evm_snapshot");
    const { root } = readMembership(readFileSync(member));
    const data = encodeFunctionData({ abi: credentialRootsAbi, functionName: "revoke", args: [root] });
    const to = deployment.contracts.credentialRoots?.address;
    await anvil.request("eth_sendTransaction", [{ from: deployment.poll?.issuer, to, data }]);
    await expect.poll(async () => (await page.click("#refresh"), page.textContent("#terms"))).toContain("revoked by the issuer");
    await page.click("#send");
    await stage.alerts(/the contract refuses: .*\(RootNotValid\)/);
    await page.setInputFiles("#member", member);
    await stage.alerts(/the membership's root was revoked by the issuer/);
    await page.setInputFiles("#proof", relayed);
    await stage.alerts(/the proof holds, but its root was revoked by the issuer/);
    await anvil.request("evm_revert", [snapshot]);

    await page.setInputFiles("#proof", own);
    await stage.says("The proof holds");
    await anvil.request("evm_setNextBlockTimestamp", [numberToHex(deadline)]);
    await anvil.request("evm_mine");
    await page.click("#send");
    await stage.alerts(/the contract refuses: .*\(PollClosed\)/);
    await page.click("#refresh");
    await expect.poll(() => page.textContent("#terms")).toContain("closed since");
  }, 60_000);

  it("can be used without a mouse, and by everybody", async () => {
    const { page } = stage;
    await page.setInputFiles("#member", member);
    await stage.says("Read.");
    await page.setInputFiles("#proof", own);
    await stage.says("The proof holds");
    await page.focus("#prepare");
    await page.keyboard.press("Enter");
    await stage.says("Run the commands");
    await page.focus("#refresh");
    await page.keyboard.press("Enter");
    await stage.says("0 votes");
    await page.focus("#check");
    await page.keyboard.press("Enter");
    await stage.says(/All \d+ facts/);
    await stage.everybody();
  }, 120_000);
});
