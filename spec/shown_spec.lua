--- Lines that people look at.

local shell = require "spec.support.shell"
local shown = require "aitronos.cli.shown"

local function plan_text(people, rate)
  return shown.plan({
    rows = people, people = people, done = 0, in_doubt = 0, duplicates = 0, invalid = 0,
  }, { action = "invite", rate = rate }, "list.csv")
end

describe("shown", function()
  it("a row has its outcome, its address, and what else is known", function()
    assert.equal("made       a@b  inv_1  expires 2026-12-01  found by look-up", shown.line {
      outcome = "made", address = "a@b", invitation_id = "inv_1", expires_at = "2026-12-01",
      reconciled = true,
    })
    assert.equal("rejected   a@b  No. (CODE, trace t)", shown.line {
      outcome = "rejected", address = "a@b", message = "No.", code = "CODE", trace_id = "t",
    })
    assert.equal("pending    a@b  role_1  expires 2026-12-01", shown.line {
      outcome = "pending", address = "a@b", role = "role_1", invitation_id = "inv_1",
      expires_at = "2026-12-01",
    })
    assert.equal("none       a@b  no pending invitation", shown.line {
      outcome = "none", address = "a@b", message = "no pending invitation", code = "X",
    })
    assert.equal("duplicate  a@b  has it", shown.line {
      outcome = "duplicate", address = "a@b", message = "has it",
    })
  end)

  it("nothing that a terminal obeys", function()
    local row = { line = 1, outcome = "rejected", address = "\27[2J", message = "\r\n\27]0;x\7",
      code = "\27c", trace_id = "\8" }
    assert.is_nil((shown.line(row) .. shown.at("x", row)):find("%c"))
  end)

  it("a plan says how long it takes", function()
    for people, words in pairs { [1] = "about a minute", [500] = "about 5 minutes",
      [18000] = "about 3 hours", [1000000] = "about 7 days" } do
      assert.truthy(plan_text(people):find("At 100 requests a minute, as the API allows, that "
        .. "takes " .. words .. ".\n", 1, true))
    end
    assert.truthy(plan_text(1000000):find("1,000,000 rows, of which\n", 1, true))
    assert.truthy(plan_text(500, 5):find("At --rate 5 that takes about 2 hours.", 1, true))
  end)

  it("a plan says that the files that were asked for are not there", function()
    for _, name in ipairs { "report", "failed", "save_links" } do
      local words = shown.plan({
        rows = 1, people = 1, done = 0, in_doubt = 0, duplicates = 0, invalid = 0,
      }, { action = "invite", [name] = "r.csv" }, "x")
      assert.truthy(words:find("\nNothing was sent, no file written.\n$"))
    end
    assert.truthy(plan_text(1):find("\nNothing was sent.\n$"))
  end)

  it("a sum names what there was only, and in whole", function()
    local counts = { made = 1, existing = 0, rejected = 1200, not_sent = 0, unknown = 0,
      unreached = 3, invalid = 0, duplicate = 2, earlier = 7, none = 0, failed = 0, pending = 0 }
    assert.equal("1 invitation made, 1,200 refused, 3 not reached, 2 duplicates (7 by earlier "
      .. "runs), of 1,206 rows.", shown.summary(counts, { rows = 1206 }, "invite"))
    counts.none, counts.rejected = 2, 0
    assert.equal("0 pending invitations, 2 without one, 3 not reached, 2 duplicates (7 by earlier "
      .. "runs), of 9 rows.", shown.summary(counts, { rows = 9 }, "status"))
  end)

  it("how to go on has the time, and its date where that is not today's", function()
    local settings = { journal = "j" }
    local function resume(seconds) return shown.resume({ resume_at = seconds }, settings, "c") end
    assert.truthy(resume(0):find("^resume after %d%d:%d%d:%d%d with: c$"))
    assert.truthy(resume(2 * 86400):find("^resume after %d+%-%d%d%-%d%d %d%d:%d%d:%d%d with: c$"))
    assert.equal("try again with: c", shown.resume({}, {}, "c"))
  end)

  it("what to do where it is not known what became of them", function()
    local function doubt(action, journal)
      return shown.doubt({ action = action, journal = journal }, "c")
    end
    assert.equal("resume with: c", doubt("invite", "j"))
    assert.truthy(doubt("invite"):find("look in Aitronos", 1, true))
    assert.truthy(doubt("resend", "j"):find("only --resend-unknown sends them another", 1, true))
    assert.truthy(doubt("resend"):find("the same command sends them another", 1, true))
  end)

  it("words for the shell are what they were", function()
    for _, word in ipairs { "", "plain-1.csv", "it's", '$(x) `y` "z" \\', "-a", "a b", "*", "~" } do
      assert.equal(word, shell.output_of("printf %s " .. shown.quote(word)))
    end
  end)

  it("curl commands have the key's name only", function()
    local text = shown.curl("https://x.example/", {
      organization_id = "org_1", email = "o'hara/x@example.com", role_id = "a b",
      send_invitation = false,
    })
    assert.equal([[curl -sS -H "X-API-Key: $FREDDY_API_KEY" -H 'Content-Type: application/json' ]]
      .. [[--data-raw '{"email":"o'\''hara/x@example.com","role_id":"a b",]]
      .. [["send_invitation":false}' https://x.example/v1/organizations/org_1/invite-user]], text)
  end)
end)
