--- The command where it sends nothing: what it plans, and what it refuses.

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
]]

describe("aitronos-invite that sends nothing #bulk", function()
  local cli, server = command.at_sandbox()

  before_each(function()
    cli:write("people.csv", PEOPLE)
  end)

  local function requests()
    return cjson.decode(server.get("/_sandbox/requests"))
  end

  local function assert_nothing_sent()
    assert.is_nil(next(requests().requests))
  end

  -- Runs with --role and this file.
  local function invite(more, file)
    return cli:run("--role role_member --file " .. (file or "people.csv") .. " " .. (more or ""))
  end

  it("with --dry-run names faults and duplicates, and how long it takes", function()
    cli:write("people.csv", PEOPLE .. '"two\nlines",\nx@example.com,\nX@example.com,role_admin\n')
    local ended = invite "--dry-run"
    assert.equal(2, ended.code)
    assert_has(ended.out, "people.csv: 6 rows, of which\n", "2 to be invited", "about a minute",
      "1 with an address that was there before", "3 with faults", "Nothing was sent.\n")
    assert_has(ended.err, "people.csv:4: ANN@example.com has the same address as line 2",
      "people.csv:5: two\\nlines: email: ",
      "people.csv:8: X@example.com: role: is not the same in all rows")
    assert.equal(0, invite("--dry-run --skip-invalid").code)
    assert.is_nil(cli:read "people.csv.journal")
    assert_nothing_sent()
  end)

  it("with --dry-run counts whom the journal has, and writes nothing into it", function()
    local journal = { '{"aitronos_journal":1,"organization_id":"org_xyz789"}' }
    for line, name in ipairs { "ann", "ben", "cid", "dan" } do
      journal[line + 1] = ('{"done":"%s@example.com","outcome":"made"}'):format(name)
    end
    journal[4] = '{"done":"cid@example.com","role":"none","outcome":"rejected"}' -- then mended
    journal[5] = '{"intent":"dan@example.com","role":"role_member"}'
    journal[6] = '{"intent":"who' -- what a run that was killed wrote last
    cli:write("people.csv.journal", table.concat(journal, "\n"))
    cli:write("people.csv", "ann@example.com\nBEN@example.com\ncid@example.com\n"
      .. "dan@example.com\ndan@example.com\n")
    local ended = invite "--dry-run --rate 0.1"
    assert.equal(0, ended.code)
    assert.equal("people.csv: 5 rows, of which\n"
      .. "          1 to be invited\n"
      .. "          1 to be looked up first, since an earlier run may have invited them\n"
      .. "          2 done by earlier runs\n"
      .. "          1 with an address that was there before\n"
      .. "          0 with faults\n"
      .. "At --rate 0.1 that takes about 30 minutes.\nNothing was sent.\n", ended.out)
    assert.equal(table.concat(journal, "\n"), cli:read "people.csv.journal")
    cli:write("people.csv.journal", '{"aitronos_journal":1,"organization_id":"org_123"}\n')
    ended = invite "--dry-run"
    assert.equal(1, ended.code)
    assert_has(ended.err, "its organization_id is org_123, not org_xyz789")
    assert_nothing_sent()
  end)

  it("stops at a row with a fault", function()
    cli:write("people.csv", "ann@example.com\nnobody\n")
    local ended = invite()
    assert.equal(2, ended.code)
    assert.equal("", ended.out)
    assert_has(ended.err, "people.csv:2: nobody: email: ", "a row is wrong; --skip-invalid")
    assert_nothing_sent()
  end)

  it("with --print-curl prints commands that work, and no key", function()
    local ended = invite "--print-curl --no-send"
    assert.equal(0, ended.code)
    assert.is_nil(ended.out:find(cli.key, 1, true))
    assert_nothing_sent()
    cli:write("commands", ended.out)
    local answers = shell.output_of("cd " .. cli.folder .. " && FREDDY_API_KEY=" .. cli.key
      .. " sh commands 2>&1")
    assert_has(answers, '"email":"ann@example.com"', '"email":"ben@example.com"')
    assert.equal(1, requests().posts["ann@example.com"])
    assert.equal("[]\n", server.get("/_sandbox/outbox"))
  end)

  it("tells usage faults, with help and version at hand", function()
    assert.equal(2, cli:run("--rate x ann@example.com").code)
    assert.equal(2, cli:run("--role r --file people.csv --base-url ftp://x").code)
    local help = cli:run("--help")
    assert.equal(0, help.code)
    assert_has(help.out, "Exit codes:", "\n   75 ", "FREDDY_API_KEY")
    assert_has(cli:run("--version").out, "aitronos-invite ", "libcurl", "lua-cjson", "Lua")
  end)

  it("ends with 1 where nobody takes what it prints", function()
    for _, arguments in ipairs {
      "--help", "--version", "roles", "--role r --file people.csv --dry-run",
      "--role r --file people.csv --print-curl",
    } do
      local ended = cli:run(arguments .. " >/dev/full")
      assert.equal(1, ended.code, arguments)
      assert_has(ended.err, "aitronos-invite: cannot write to standard output: No space left")
    end
  end)

  it("notices one file under two names, be it there or not", function()
    shell.run(("cd %s && ln -s people.csv soft.csv && ln people.csv hard.csv && mkdir folder")
      :format(shell.quote(cli.folder)))
    local people = cli:read "people.csv"
    for _, more in ipairs {
      "--report ./people.csv", "--report folder/../people.csv", "--report soft.csv",
      "--journal hard.csv", "--report r.csv --failed ./r.csv", "--report folder/../r.csv "
        .. "--failed " .. cli:path "r.csv",
    } do
      local ended = invite(more)
      assert.equal(2, ended.code, more)
      assert_has(ended.err, " must be different files")
    end
    assert.equal(people, cli:read "people.csv")
    assert.equal(0, invite("--dry-run --report r.csv --failed folder/r.csv").code)
    assert_nothing_sent()
  end)

  it("ends with 1 where a file can't be written or read", function()
    for _, more in ipairs { "--report none/r.csv", "--journal none/j" } do
      local ended = invite(more)
      assert.equal(1, ended.code)
      assert_has(ended.err, "aitronos-invite: ")
    end
    assert.equal(1, invite(nil, "none.csv").code)
    for _, option in ipairs { "--report", "--failed", "--save-links" } do
      local ended = invite(option .. " r.xls")
      assert.equal(2, ended.code)
      assert_has(ended.err, "aitronos-invite: " .. option .. " must end in .csv or .jsonl\n")
    end
    assert_nothing_sent()
  end)
end)
