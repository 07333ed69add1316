--- The command as a process, at a sandbox: what it prints, writes, sends, and ends with.

local command = require "spec.support.command"

if command.unfit then
  it("the command", function() pending(command.unfit) end)
  return
end

local cjson = require "cjson"
local shell = require "spec.support.shell"

local assert_has = command.assert_has

local PEOPLE = [[
email,role_id
ann@example.com,
Ben <ben@example.com>,role_admin
ANN@example.com,
fault+422@example.com,
member@example.com,
]]

describe("aitronos-invite #bulk", function()
  local cli, server = command.at_sandbox()

  before_each(function()
    cli:write("people.csv", PEOPLE)
  end)

  local function posts()
    return cjson.decode(server.get("/_sandbox/requests")).posts
  end

  -- Runs with --role and this file.
  local function invite(more, file)
    return cli:run("--role role_member --file " .. (file or "people.csv") .. " " .. (more or ""))
  end

  -- The report's rows by their lines; `outcomes` of all of them in order.
  local function rows_of(name)
    local rows, outcomes, list = {}, {}, cli:rows(name)
    table.sort(list, function(one, other) return one.line < other.line end)
    for i, row in ipairs(list) do
      assert.is_nil(rows[row.line])
      rows[row.line], outcomes[i] = row, row.outcome
    end
    rows.outcomes = table.concat(outcomes, " ")
    return rows
  end

  describe("with a file", function()
    it("says of each row what became of it", function()
      local ended = invite "--report r.jsonl --failed f.csv"
      assert.equal(3, ended.code)
      assert_has(ended.out, "made       ann@example.com  inv_", "existing   member@example.com",
        "rejected   fault+422@example.com  ", "duplicate  ANN@example.com")
      assert_has(ended.err,
        "2 invitations made, 1 there already, 1 refused, 1 duplicate, of 5 rows.\n")
      assert.is_nil(ended.err:find("%", 1, true))
      local rows = rows_of "r.jsonl"
      assert.equal("made made duplicate rejected existing", rows.outcomes)
      assert.equal("role_admin", rows[3].role)
      assert.equal(422, rows[5].status)
      assert.equal("email,role_id,role_name,send_invitation\nfault+422@example.com,role_member,,\n",
        cli:read "f.csv")
    end)

    it("with --json prints the same as JSON lines, and nothing else", function()
      local ended = invite "--json --quiet --report r.csv"
      local lines = 0
      for line in ended.out:gmatch("([^\n]*)\n") do
        assert.equal("string", type(cjson.decode(line).outcome))
        lines = lines + 1
      end
      assert.equal(5, lines)
      local _, in_report = cli:read("r.csv"):gsub("\n", "")
      assert.equal(6, in_report)
      assert.equal("aitronos-invite: people.csv:4: ANN@example.com has the same address as line 2, "
        .. "and counts once\n", ended.err)
    end)

    it("keeps keys and links out of all but --save-links, and all files to their owner", function()
      local ended = invite "--report r.csv --failed f.jsonl --save-links l.csv"
      local links = cli:read "l.csv"
      local key = assert(links:match("\n2,ann@example.com,inv_%x+,[^,]*,(uuid%-[%x-]+)\n"), links)
      local texts = { ended.out, ended.err, cli:read "people.csv.journal", cli:read "r.csv",
        cli:read "f.jsonl" }
      for _, text in ipairs(texts) do
        assert.is_nil(text:find(key, 1, true))
        assert.is_nil(text:find("uuid-", 1, true))
        assert.is_nil(text:find(cli.key, 1, true))
      end
      assert.equal("600 f.jsonl\n600 l.csv\n600 people.csv.journal\n600 r.csv\n", shell.output_of(
        "cd " .. cli.folder .. " && LC_ALL=C stat -c '%a %n' *.csv *.jsonl *.journal | grep -v "
        .. "'people.csv$' | sort -k 2"))
    end)

    it("run again sends nothing, and reports the same", function()
      invite "--report r.jsonl --save-links l.csv"
      local before, links = rows_of "r.jsonl", cli:read "l.csv"
      local ended = invite "--report r.jsonl --save-links l.csv"
      assert.equal(3, ended.code)
      assert_has(ended.err, "(4 by earlier runs), of 5 rows.\n")
      assert.same(before, rows_of "r.jsonl")
      assert.equal(links, cli:read "l.csv")
      for _, count in pairs(posts()) do
        assert.equal(1, count)
      end
    end)

    it("ends with 3 where there is no such role, and says what lists them", function()
      cli:write("people.csv", "ann@example.com\n")
      local ended = cli:run("--role none --file people.csv")
      assert.equal(3, ended.code)
      assert_has(ended.err,
        "aitronos-invite: the roles that there are: aitronos-invite roles --org org_xyz789\n")
      assert.is_nil(invite().err:find("aitronos-invite roles", 1, true))
    end)

    it("takes up rows that were added, and tries a row again whose role was mended", function()
      cli:write("people.csv", "email,role_id\nann@example.com,role_member\nben@example.com,none\n")
      assert.equal(3, invite().code)
      cli:write("people.csv", "email,role_id\nzoe@example.com,role_member\n"
        .. "ann@example.com,role_member\nben@example.com,role_admin\n")
      assert.equal(0, invite("--report r.jsonl").code)
      assert.equal("made made made", rows_of("r.jsonl").outcomes)
      assert.same({ ["zoe@example.com"] = 1, ["ann@example.com"] = 1, ["ben@example.com"] = 2 },
        posts())
    end)

    it("looks up whom an earlier run was about to invite", function()
      cli:write("people.csv", "ann@example.com\nben@example.com\nzoe@example.com\n")
      assert.equal(0, invite("--no-journal", "people.csv").code)
      local intents = ""
      for _, name in ipairs { "ann", "zoe" } do
        intents = intents .. ('{"intent":"%s@example.com","role":"role_member","at":%d}\n'):format(
          name, os.time())
      end
      cli:write("people.csv.journal", '{"aitronos_journal":1,"organization_id":"org_xyz789"}\n'
        .. intents)
      cli:write("people.csv", "ann@example.com\nzoe@example.com\n")
      local ended = invite "--report r.jsonl --existing fail"
      assert.equal(0, ended.code)
      local rows = rows_of "r.jsonl"
      assert.equal("made made", rows.outcomes)
      assert.is_true(rows[1].reconciled)
      assert.same({ ["ann@example.com"] = 1, ["ben@example.com"] = 1, ["zoe@example.com"] = 1 },
        posts())
    end)

    it("invites those anew whose invitation of an earlier run has expired", function()
      local function day(seconds) return os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() + seconds) end
      local done = '{"done":"%s@example.com","role":"role_member","outcome":"made",'
        .. '"invitation_id":"inv_%s","expires_at":"%s"}\n'
      cli:write("people.csv.journal", '{"aitronos_journal":1,"organization_id":"org_xyz789"}\n'
        .. done:format("ann", "old", day(-86400)) .. done:format("ben", "new", day(86400))
        .. done:format("cid", "odd", "soon"))
      cli:write("people.csv", "ann@example.com\nben@example.com\ncid@example.com\n")
      for _ = 1, 2 do
        assert_has(invite().err, "3 invitations made")
        assert.same({ ["ann@example.com"] = 1 }, posts())
      end
    end)

    it("refuses the journal of another organization, or API", function()
      cli:write("people.csv", "ann@example.com\n")
      assert.equal(0, invite().code)
      local ended = cli:run("--org org_123 --role role_member --file people.csv")
      assert.equal(2, ended.code) -- --org twice
      ended = invite "--base-url http://localhost:1"
      assert.equal(1, ended.code)
      assert_has(ended.err, "is the journal of another run: its base_url is")
      cli:write("people.csv.journal", '{"aitronos_journal":1,"organization_id":"org_123"}\n')
      ended = invite()
      assert.equal(1, ended.code)
      assert_has(ended.err, "its organization_id is org_123, not org_xyz789; give another with "
        .. "--journal FILE\n")
    end)

    it("leaves out rows with faults and with two roles, where it is told to", function()
      cli:write("people.csv", "email,role_id\na@example.com,role_admin\nnobody,\n"
        .. "A@example.com,role_member\nb@example.com,\n")
      local ended = invite "--skip-invalid --report r.jsonl --json"
      assert.equal(3, ended.code)
      assert.equal("invalid invalid invalid made", rows_of("r.jsonl").outcomes)
      assert.same({ ["b@example.com"] = 1 }, posts())
    end)

    it("--failed is an input for another run, as the rows were", function()
      local rows = { '{"email":"fault+422x1@example.com","role_name":"Member",'
        .. '"send_invitation":false}\n', '{"email":"Fault+400x1.b@example.com",'
        .. '"role_id":"role_admin"}\n' }
      cli:write("people.jsonl", table.concat(rows))
      local ended = cli:run("--file people.jsonl --failed f.jsonl")
      assert.equal(3, ended.code)
      assert_has(cli:read "f.jsonl", rows[1], rows[2])
      ended = cli:run("--file f.jsonl --report r.jsonl")
      assert.equal(0, ended.code)
      assert.equal("made made", rows_of("r.jsonl").outcomes)
      local outbox = server.get("/_sandbox/outbox")
      assert_has(outbox, "Fault+400x1.b@example.com")
      assert.is_nil(outbox:find("fault+422", 1, true))
    end)
  end)

  describe("takes people from", function()
    it("its arguments, with names", function()
      local ended = cli:run("--role role_member ann@example.com 'Ben, Dr <Ben@example.com>'")
      assert.equal(0, ended.code)
      assert.equal("2 invitations made, of 2 rows.\n", ended.err)
      assert.same({ ["ann@example.com"] = 1, ["Ben@example.com"] = 1 }, posts())
      assert.is_nil(shell.output_of("ls " .. cli.folder):find("journal"))
    end)

    it("standard input, and keeps a journal where it is told to", function()
      local given = { stdin = '{"email":"ann@example.com"}\n' }
      assert.equal(2, cli:run("--role role_member --file -", given).code)
      for _ = 1, 2 do
        assert.equal(0, cli:run("--role role_member --file - --journal j", given).code)
      end
      assert.same({ ["ann@example.com"] = 1 }, posts())
    end)
  end)

  it("--existing fail counts them as failed, --no-send sends no mail", function()
    local ended = cli:run("--role role_member --existing fail --no-send member@example.com "
      .. "fault+lostreply.lookupolder@example.com")
    assert.equal(3, ended.code)
    assert_has(ended.out, "rejected   member@example.com")
    assert.equal("[]\n", server.get("/_sandbox/outbox"))
    assert.equal(0, cli:run("--role role_member member@example.com").code)
  end)

  describe("finds its key", function()
    it("in a file before the environment", function()
      cli:write("key", "sandbox_unlimited \r\nmore\n")
      cli.key = "sandbox_expired"
      assert.equal(0, cli:run("--role role_member --api-key-file key a@example.com").code)
      for _, name in ipairs { "none", "empty" } do
        cli:write("empty", "\n")
        local ended = cli:run("--role role_member --api-key-file " .. name .. " a@example.com")
        assert.equal(4, ended.code)
        assert_has(ended.err, name)
      end
    end)

    it("nowhere, and asks for none without a terminal", function()
      cli.key = nil
      local ended = cli:run("--role role_member a@example.com")
      assert.equal(4, ended.code)
      assert_has(ended.err, "there is no API key: set FREDDY_API_KEY")
      ended = cli:run("--role role_member --api-key ak_secret a@example.com")
      assert.equal(2, ended.code)
      assert.is_nil(ended.err:find("ak_secret", 1, true))
    end)
  end)

  describe("stops early", function()
    local function list(count, first)
      local lines = { first }
      for i = 1, count do
        lines[#lines + 1] = ("p%d@example.com"):format(i)
      end
      cli:write("list.csv", table.concat(lines, "\n") .. "\n")
    end

    local function count_posts()
      local total = 0
      for _, count in pairs(posts()) do
        total = total + count
      end
      return total
    end

    it("at a key that is refused; another key resumes", function()
      list(60)
      cli.key = "sandbox_expired"
      local ended = invite("--report r.jsonl --failed f.csv --concurrency 4", "list.csv")
      assert.equal(4, ended.code)
      assert_has(ended.err, "stopped: authentication: ", "resume with: aitronos-invite --org "
        .. "org_xyz789 --role role_member --file list.csv", " not reached, of 60 rows.")
      assert.is_true(count_posts() <= 4)
      assert.equal(60, select(2, rows_of("r.jsonl").outcomes:gsub("%S+", "")))
      assert_has(cli:read "r.jsonl", '"outcome":"not_sent"', '"code":"NOT_REACHED"')
      assert_has(cli:read "f.csv", "p1@example.com", "p60@example.com")
      cli.key = "sandbox_unlimited"
      ended = invite("--report r.jsonl", "list.csv")
      assert.equal(0, ended.code)
      assert.is_nil(rows_of("r.jsonl").outcomes:gsub("made ?", ""):find("."))
    end)

    it("where the key may not invite", function()
      list(60)
      cli.key = "sandbox_member"
      local ended = invite("--concurrency 1 --report r.csv --json", "list.csv")
      assert.equal(4, ended.code)
      assert.equal(5, count_posts())
      assert.equal(60, select(2, ended.out:gsub("\n", "")))
      assert_has(cli:read "r.csv", "p60@example.com,role_member,not_sent,,,,NOT_REACHED,")
    end)

    it("at --max-failures", function()
      cli:write("list.csv", "fault+422.1@example.com\nfault+422.2@example.com\na@example.com\n"
        .. "b@example.com\n")
      local ended = invite("--max-failures 2 --concurrency 1", "list.csv")
      assert.equal(3, ended.code)
      assert_has(ended.err, "stopped: --max-failures 2 is reached", "2 not reached")
    end)

    it("where the server asks for a long wait", function()
      list(30, "fault+429longx1@example.com")
      local ended = invite("--concurrency 2 --report r.jsonl", "list.csv")
      assert.equal(75, ended.code)
      assert_has(ended.err, "stopped: ")
      assert.truthy(ended.err:find("resume after [%d-: ]+ with: aitronos%-invite"), ended.err)
      assert.equal(0, invite("--report r.jsonl", "list.csv").code)
      assert.equal(31, select(2, rows_of("r.jsonl").outcomes:gsub("made", "")))
    end)

    it("where no server is", function()
      list(8)
      local ended = invite("--base-url http://127.0.0.1:1 --report r.jsonl", "list.csv")
      assert.equal(5, ended.code)
      assert_has(ended.err, "stopped: connection: ", "8 not reached")
    end)
  end)

  it("ends with 6 where it is not known whether somebody was invited, and then knows", function()
    cli:write("people.csv", "fault+lostreply.lookup400x1@example.com\na@example.com\n")
    local ended = invite "--report r.jsonl --failed f.csv"
    assert.equal(6, ended.code)
    assert_has(ended.err, "1 unknown", "resume with: ")
    assert.equal("unknown made", rows_of("r.jsonl").outcomes)
    assert.equal("email,role_id,role_name,send_invitation\n", cli:read "f.csv")
    assert.equal(0, invite("--report r.jsonl").code)
    assert.equal("made made", rows_of("r.jsonl").outcomes)
    assert.equal(1, posts()["fault+lostreply.lookup400x1@example.com"])
    ended = cli:run("--role role_member fault+lostreply.lookup400@example.com")
    assert.equal(6, ended.code)
    assert_has(ended.err, "there is no journal: look in Aitronos")
  end)
end)
