--- What the command does before and after an invitation, at a sandbox: roles, status, resend.

local command = require "spec.support.command"

if command.unfit then
  it("the command", function() pending(command.unfit) end)
  return
end

local cjson = require "cjson"
local shell = require "spec.support.shell"

local assert_has = command.assert_has

describe("aitronos-invite #bulk", function()
  local cli, server = command.at_sandbox()

  -- Runs it, to end with this code.
  local function run(code, arguments, given)
    local ended = cli:run(arguments, given)
    assert.equal(code, ended.code, ended.out .. ended.err)
    return ended
  end

  local function invite(addresses)
    run(0, "--role role_member " .. addresses)
  end

  -- How often the sandbox was asked at paths that end so.
  local function count(method, ending)
    local times = 0
    for _, request in ipairs(cjson.decode(server.get("/_sandbox/requests")).requests) do
      local path = request.path:gsub("%?.*", "")
      if request.method == method and path:sub(-#ending) == ending then
        times = times + 1
      end
    end
    return times
  end

  -- How many mails went out to each.
  local function mails()
    local counts = {}
    for _, mail in ipairs(cjson.decode(server.get("/_sandbox/outbox"))) do
      counts[mail.to] = (counts[mail.to] or 0) + 1
    end
    return counts
  end

  -- The report's outcomes by address.
  local function outcomes(name)
    local found = {}
    for _, row in ipairs(cli:rows(name)) do
      assert.is_nil(found[row.address])
      found[row.address] = row.outcome
    end
    return found
  end

  describe("roles", function()
    local FIRST_LINES = [[
ID                       NAME                DESCRIPTION
role_owner               Owner               May do everything.
]]

    it("lists them as a table, with descriptions where there are any", function()
      local ended = run(0, "roles")
      assert.equal(FIRST_LINES, ended.out:sub(1, #FIRST_LINES))
      assert.equal("", ended.err)
      cli.organization = "org_crew"
      assert_has(run(0, "roles").out, "ID                       NAME\nrole_owner               Own")
    end)

    it("lists them as JSON lines", function()
      local first = run(0, "roles --json").out:match("^[^\n]*")
      assert.equal('{"id":"role_owner","name":"Owner","description":"May do everything."}', first)
    end)

    it("says why it can't", function()
      cli.key = "sandbox_expired"
      assert_has(run(4, "roles").err, "cannot ask for the roles: authentication: ")
      cli.key = "sandbox_unlimited"
      assert_has(run(5, "roles --base-url http://127.0.0.1:1").err, "connection: ")
      assert.equal(2, cli:run("roles ann@example.com").code)
      cli.organization = "crew"
      assert.equal("aitronos-invite: --org must be org_ followed by letters, digits, _ or -\n",
        run(2, "roles").err)
    end)
  end)

  describe("takes a role's name", function()
    it("and sends the id that it asked for once, whatever case and space", function()
      cli:write("people.csv", "email,role_name\nann@example.com,gardener\nben@example.com,\n"
        .. "cid@example.com, ADMIN \n")
      local ended = run(0, "--role-name ' member' --file people.csv --report r.jsonl")
      assert_has(ended.err, "3 invitations made")
      local roles = {}
      for i, row in ipairs(cli:rows "r.jsonl") do
        roles[i] = row.role
      end
      table.sort(roles)
      assert.same({ "role_admin", "role_gardener", "role_member" }, roles)
      assert_has(run(0, "status ann@example.com").out, "role_gardener")
      assert.equal(1, count("GET", "/roles"))
    end)

    it("and names those that there are where it is none, the closest first", function()
      local ended = run(2, "--role-name Gardner ann@example.com")
      assert_has(ended.err, "--role-name: there is no role named 'Gardner', but Gardener, ")
      cli:write("people.csv", "email,role_name\nann@example.com,Onwer\nben@example.com,Member\n")
      ended = run(2, "--file people.csv --dry-run")
      assert_has(ended.out, "1 to be invited", "1 with faults")
      assert_has(ended.err,
        "people.csv:2: ann@example.com: role_name: there is no role named 'Onwer', but Owner, ")
      assert.equal(0, count("POST", "/invite-user"))
    end)

    it("and says of each that is none once, and which lines have it", function()
      cli:write("people.csv", "email,role_name\na@x.com,Onwer\nb@x.com,Chef\nc@x.com,Onwer\n"
        .. "nobody,Admin\nd@x.com,onwer\n" .. ("e%d@x.com,Chef\n"):rep(3):format(1, 2, 3))
      local ended = run(3, "--file people.csv --skip-invalid --report r.csv")
      local said = {}
      for line in ended.err:gmatch("aitronos%-invite: people%.csv:([^\n]+)") do
        said[#said + 1] = line:match("^(.-'[^']*', but %a+)") or line:match("^%d+: %a+")
      end
      assert.same({
        "5: nobody",
        " lines 2 and 4: role_name: there is no role named 'Onwer', but Owner",
        " lines 3, 7 and 2 more: role_name: there is no role named 'Chef', but Owner",
        "6: d@x.com: role_name: there is no role named 'onwer', but Owner",
      }, said)
      assert_has(cli:read "r.csv", "7,e1@x.com,,invalid,,,,INVALID_ARGUMENT,"
        .. "role_name: there is no role named 'Chef',")
    end)

    it("and says why it waits for the roles and until when, unless it is to be quiet", function()
      local words = "aitronos%-invite: waits until [%d-: ]+ to ask for the roles %(the server "
        .. "asked%)\n"
      cli:write("people.csv", "email,role_name\nann@example.com,Member\n")
      for _, arguments in ipairs { "roles", "--role-name Member ann@example.com",
        "--file people.csv" } do
        server.reset()
        cli.organization = "org_fault-roles429x1"
        local ended = run(0, arguments)
        assert.equal(1, select(2, ended.err:gsub(words, "")), ended.err)
      end
      cli.organization = "org_fault-roles503x1"
      assert_has(run(0, "roles").err, " to ask for the roles (http_503)\n")
      server.reset()
      assert.is_nil(run(0, "--quiet --role-name Member ann@example.com").err:find("waits", 1, true))
    end)

    it("and says when it goes on, where that is too long a wait", function()
      cli.organization = "org_fault-roles429long"
      cli:write("people.csv", "ann@example.com\n")
      local ended = run(75, "--role-name Member --file people.csv")
      assert.truthy(ended.err:find("^aitronos%-invite: cannot ask for the roles: rate_limit: "
        .. "[^\n]+\naitronos%-invite: resume after [%d-: ]+ with: aitronos%-invite %-%-org "
        .. "org_fault%-roles429long %-%-role%-name Member %-%-file people.csv\n$"), ended.err)
      assert.truthy(run(75, "roles").err:find("try again after [%d-: ]+ with: "))
    end)

    it("and ends where the roles can't be asked for", function()
      cli.organization = "org_fault-roles400"
      assert_has(run(1, "--role-name Member ann@example.com").err, "cannot ask for the roles: ")
      assert.equal(0, count("POST", "/invite-user"))
    end)
  end)

  describe("status", function()
    it("tells whose invitation is pending, and that there is none is an answer", function()
      invite "ann@example.com"
      local ended = run(0, "status ann@example.com ANN+x@example.com")
      assert.truthy(ended.out:find(
        "pending    ann@example.com  role_member  expires %d+%-%d+%-%d+T[%d:]+Z\n"), ended.out)
      assert_has(ended.out, "none       ANN+x@example.com  no pending invitation\n")
      assert_has(ended.err, "1 pending invitation, 1 without one, of 2 rows.\n")
    end)

    it("takes files, of which only the addresses count, and leaves no journal", function()
      invite "ann@example.com"
      cli:write("people.csv", "email,role_name\nann@example.com,none\nben@example.com,\n"
        .. "Ann@example.com,Admin\n")
      local ended = run(0, "status --file people.csv --report r.jsonl --json")
      assert.equal(3, select(2, ended.out:gsub("\n", "")))
      assert.equal(2, select(2, ended.out:gsub('"reconciled":false', "")))
      assert.same({
        ["ann@example.com"] = "pending", ["ben@example.com"] = "none",
        ["Ann@example.com"] = "duplicate",
      }, outcomes "r.jsonl")
      assert.equal(0, count("GET", "/roles"))
      assert.equal("", shell.output_of("ls " .. cli.folder .. " | grep journal"))
      for _, text in ipairs { ended.out, cli:read "r.jsonl" } do
        assert.is_nil(text:find("uuid-", 1, true))
        assert.is_nil(text:find("link", 1, true))
      end
    end)

    it("takes files whose faults are in what it does not look at", function()
      cli:write("people.csv", "email,role_id,role_name,send_invitation\n"
        .. "ann@example.com,role_admin,Admin,maybe\n")
      assert_has(run(0, "status --file people.csv").out, "none       ann@example.com")
      cli:write("people.jsonl", '{"address":"ann@example.com","role_id":1,"team":"x"}\n')
      assert_has(run(0, "status --file people.jsonl").out, "none       ann@example.com")
      cli:write("people.jsonl", '{"address":1}\n{"address":"ann@example.com","email":"b@c"}\n')
      assert_has(run(2, "status --file people.jsonl").err, "people.jsonl:1: ", "people.jsonl:2: ",
        "address: must be a string", "give only one of email and address")
    end)

    it("does not take another person's invitation for an answer", function()
      invite "fault+lookupother@example.com"
      local ended = run(3, "status fault+lookupother@example.com")
      assert_has(ended.out, "failed     fault+lookupother@example.com  the answer is about another "
        .. "address (OTHER_ADDRESS)")
      assert.is_nil(ended.out:find("pending", 1, true))
    end)

    it("tells what could not be found out", function()
      local ended = run(3, "status ann@example.com fault+lookup422@example.com "
        .. "fault+lookup404@example.com")
      assert_has(ended.out, "none       ann@example.com",
        "failed     fault+lookup422@example.com  Validation error. (VALIDATION_ERROR, trace ",
        "none       fault+lookup404@example.com  no pending invitation, says the API: Not found.")
      cli.key = "sandbox_expired"
      assert_has(run(4, "status ann@example.com").err, "stopped: authentication: ")
      assert.equal(5, cli:run("status a@b.com --deadline 0.1 --base-url http://127.0.0.1:1").code)
    end)
  end)

  describe("resend", function()
    local RESEND = "resend --file people.csv --report r.jsonl "

    before_each(function()
      cli:write("people.csv", "email\nann@example.com\nben@example.com\nmember@example.com\n")
      invite "ann@example.com ben@example.com"
    end)

    it("mails those again whose invitation is pending, and the others have failed", function()
      local ended = run(3, RESEND .. "--failed f.csv")
      assert_has(ended.out, "resent     ann@example.com  inv_", "resent     ben@example.com  inv_",
        "failed     member@example.com  no pending invitation: joined, expired, or never invited "
          .. "(INVITATION_NOT_FOUND, trace ")
      assert_has(ended.err, "2 invitations sent again, 1 failed, of 3 rows.\n")
      assert.same({ ["ann@example.com"] = 2, ["ben@example.com"] = 2 }, mails())
      assert.equal("email,role_id,role_name,send_invitation\nmember@example.com,,,\n",
        cli:read "f.csv")
    end)

    it("leaves the rows that failed as they were", function()
      cli:write("people.csv", "email,role_id,role_name,send_invitation\n"
        .. "x@example.com,role_admin,,\ny@example.com,,Member,no\n")
      run(3, RESEND .. "--failed f.csv")
      assert.equal("email,role_id,role_name,send_invitation\nx@example.com,role_admin,,\n"
        .. "y@example.com,,Member,false\n", cli:read "f.csv")
    end)

    it("stops where so many have none as may fail", function()
      cli:write("people.csv", "x@example.com\ny@example.com\nz@example.com\n")
      local ended = run(3, RESEND .. "--max-failures 2 --concurrency 1")
      assert_has(ended.err, "2 failed, 1 not reached", "stopped: --max-failures 2 is reached")
    end)

    it("has a help of its own", function()
      local help = run(0, "resend --help").out
      assert_has(help, ".resend.journal", "--dry-run")
      for _, words in ipairs { "Role", "role", "FILE.journal" } do
        assert.is_nil(help:find(words, 1, true), words)
      end
    end)

    it("mails nobody where the look-up found another person's invitation", function()
      invite "fault+lookupother@example.com"
      local sent = mails()
      assert_has(run(3, "resend fault+lookupother@example.com").out,
        "failed     fault+lookupother@example.com  the answer is about another address")
      assert.same(sent, mails())
      assert.equal(0, count("POST", "/resend-invitation"))
    end)

    it("run again mails nobody twice, and looks nobody up twice whom it mailed", function()
      local first = run(3, RESEND)
      assert.is_nil((first.out .. first.err):find("earlier run", 1, true))
      local before, looked_up = outcomes "r.jsonl", count("GET", "/invitation")
      local ended = run(3, RESEND)
      assert_has(ended.err, "(2 by earlier runs)", "aitronos-invite: 2 were mailed by an earlier "
        .. "run and are left out; another --journal mails them again\n")
      assert.equal(2, select(2, ended.out:gsub("resent [^\n]*  by an earlier run\n", "")))
      assert.equal(2, select(2, cli:read("r.jsonl"):gsub('"message":"by an earlier run"', "")))
      assert.same(before, outcomes "r.jsonl")
      assert.same({ ["ann@example.com"] = 2, ["ben@example.com"] = 2 }, mails())
      assert.equal(looked_up + 1, count("GET", "/invitation"))
      ended = run(3, RESEND .. "--max-failures 1")
      assert_has(ended.err, "stopped: --max-failures 1 is reached", "resume with: ")
      assert.is_nil(ended.err:find("left out", 1, true))
    end)

    it("has a journal that inviting does not take for its own", function()
      run(0, "--role role_member --file people.csv")
      run(3, RESEND)
      assert.truthy(cli:read "people.csv.journal")
      assert_has(cli:read "people.csv.resend.journal", '"command":"resend"')
      assert_has(run(1, RESEND .. "--journal people.csv.journal").err,
        "is the journal of another run: its command is invite, not resend")
    end)

    it("takes an answer without content, too", function()
      cli.organization = "org_crew"
      invite "zoe@example.com"
      local ended = run(0, "resend zoe@example.com --json")
      assert.equal("resent", cjson.decode(ended.out).outcome)
      assert.is_false(cjson.decode(ended.out).reconciled)
      assert.equal(2, mails()["zoe@example.com"])
    end)

    it("sends no second mail to whom it may have mailed, unless it is told to", function()
      cli:write("people.csv", "fault+resendlostreply@example.com\nann@example.com\n")
      invite "fault+resendlostreply@example.com"
      local ended = run(6, RESEND)
      assert_has(ended.err, "1 invitation sent again, 1 unknown",
        "not known whether their mail went out, and only --resend-unknown sends them another")
      ended = run(6, RESEND)
      assert_has(ended.out, "an earlier run may have sent it again; --resend-unknown does so now")
      assert.same({ ["fault+resendlostreply@example.com"] = "unknown",
        ["ann@example.com"] = "resent" }, outcomes "r.jsonl")
      local sent = mails()["fault+resendlostreply@example.com"]
      run(6, RESEND .. "--resend-unknown")
      assert.equal(sent + 1, mails()["fault+resendlostreply@example.com"])
      assert.equal(2, mails()["ann@example.com"])
    end)

    it("tries those again that were refused", function()
      cli:write("people.csv", "fault+resend422x1@example.com\nann@example.com\n")
      invite "fault+resend422x1@example.com"
      assert_has(run(3, RESEND).out, "rejected   fault+resend422x1@example.com")
      run(0, RESEND)
      assert.equal(2, mails()["fault+resend422x1@example.com"])
      assert.equal(2, mails()["ann@example.com"])
    end)

    it("stops early where the key lacks the permission", function()
      local lines = {}
      for i = 1, 40 do
        lines[i] = ("p%d@example.com\n"):format(i)
      end
      cli:write("people.csv", table.concat(lines))
      run(0, "--role role_member --file people.csv")
      cli.key = "sandbox_member"
      local ended = run(4, RESEND)
      assert_has(ended.err, "stopped: permission: ", "resume with: ", " not reached, of 40 rows.")
      assert.is_true(count("POST", "/resend-invitation") < 12)
      assert.equal(40, select(2, cli:read("r.jsonl"):gsub("\n", "")))
      cli.key = "sandbox_unlimited"
      assert_has(run(0, RESEND).err, "40 invitations sent again, of 40 rows.")
    end)

    it("stops where its look-ups do", function()
      cli:write("people.csv", "fault+lookup429long@example.com\nann@example.com\n")
      local ended = run(75, RESEND .. "--concurrency 1")
      assert_has(ended.err, "0 invitations sent again, 2 not reached", "resume after ")
      assert.equal(0, count("POST", "/resend-invitation"))
    end)

    it("with --dry-run sends nothing, and looks nobody up", function()
      local ended = run(0, "resend --file people.csv --dry-run")
      assert_has(ended.out, "3 whose invitation is to be sent again\n", "Nothing was sent.")
      cli:write("people.csv.resend.journal",
        '{"aitronos_journal":1,"organization_id":"org_xyz789","command":"resend"}\n'
        .. '{"done":"ann@example.com","outcome":"resent"}\n{"intent":"ben@example.com"}\n')
      for more, words in pairs {
        [""] = "1 whose invitation is to be sent again\n"
          .. "          1 left out, since an earlier run may have mailed them\n",
        [" --resend-unknown"] = "2 whose invitation is to be sent again\n"
          .. "          0 left out, since an earlier run may have mailed them\n",
      } do
        assert_has(run(0, "resend --file people.csv --dry-run" .. more).out,
          words .. "          1 left out, since an earlier run has mailed them\n")
      end
      assert.equal(0, count("GET", "/invitation"))
    end)
  end)
end)
