--- A run of the command that is killed goes on where it was: nobody is invited twice, nobody is
--- left out. `make endurance` does the same for long.

local support = require "spec.support.journal"

if support.unfit then
  it("the command, killed", function() pending(support.unfit) end)
  return
end

local property = require "spec.support.property"
local runs = require "spec.support.broken_runs"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local COUNT = 300
-- Those that are over soon, at a settle of so long.
local SETTLE = "0.3"
local FAULTS = {
  every = 15,
  lasting = { "400", "422" },
  passing = {
    "lostreply", "resetreply", "lostrequestx1", "500madex1", "500x1", "cuthead", "badjson",
    "emptybody", "noid201",
  },
}

describe("aitronos-invite", function()
  local server, folder, random, list

  setup(function()
    server = sandbox.start()
  end)

  teardown(function()
    server.stop()
  end)

  before_each(function()
    server.reset()
    folder = support.path()
    shell.run("mkdir " .. folder)
    list = {
      csv = folder .. "/people.csv", journal = folder .. "/journal", output = folder .. "/out",
      report = folder .. "/report.jsonl", synced = folder .. "/synced",
    }
  end)

  after_each(function()
    shell.run("rm -rf " .. folder)
  end)

  local function new_people(count, seed)
    random = property.random(seed)
    local text
    list.rows, text = runs.people(count, random, FAULTS)
    shell.write_file(list.csv, text)
  end

  local function start(hooks, ...)
    hooks = hooks or {}
    hooks.SETTLE, hooks.FREDDY_API_KEY = SETTLE, "sandbox_unlimited"
    hooks.AITRONOS_BASE_URL = server.base_url
    return runs.start({
      os.getenv("LUA_COMMAND") or "lua5.3", "spec/support/invite_hooked.lua", "--org",
      "org_xyz789", "--role", "role_member", "--file", list.csv, "--skip-invalid", "--journal",
      list.journal, "--report", list.report, ...
    }, hooks, list.output)
  end

  -- Once it has written at most so much more.
  local function kill_within(most, hooks)
    local process = start(hooks)
    local goal = runs.size(list.journal) + random(1, most)
    process:await(function()
      return runs.size(list.journal) >= goal
    end)
    return process:kill()
  end

  local function finish(hooks)
    local exit = start(hooks):finish()
    return exit, runs.read(list.output)
  end

  local function assert_complete(exit, words)
    assert.truthy(exit == 0 or exit == 3, words)
    local result = runs.judge(server, list.rows, list.report, true)
    assert.same({}, result.faults, words)
    assert.equal(0, result.doubles)
    assert.equal(0, result.missing)
    assert.is_nil(runs.fault_of_sum(result, words))
  end

  it("invites all once, however often it is killed", function()
    new_people(COUNT, 5)
    local kills = 0
    for _ = 1, 8 do
      kills = kills + (kill_within(16000) and 1 or 0)
    end
    assert.truthy(kills > 3)
    assert_complete(finish())
  end)

  it("invites all once, though the power fails", function()
    new_people(COUNT, 6)
    local lost = 0
    for _ = 1, 5 do
      kill_within(20000, { SYNCED = list.synced })
      lost = lost + runs.lose_power(list.journal, list.synced, random)
    end
    assert.truthy(lost > 0)
    assert_complete(finish())
  end)

  it("stops where there is no space, and goes on once it does", function()
    new_people(COUNT, 7)
    for _, limit in ipairs { 12000, 20000, 45001 } do
      local exit, words = finish { SIZE_LIMIT = tostring(limit) }
      assert.equal(1, exit)
      assert.truthy(words:find("cannot write %S+: File too large\n"), words)
    end
    assert_complete(finish())
  end)

  it("is not stopped by rows that an earlier run was refused", function()
    local rows, lines = {}, { "email" }
    for number = 1, 40 do
      local refused = number % 5 == 0
      rows[number] = {
        line = number + 1, expected = refused and "rejected" or "made",
        address = (refused and "fault+403.p%d@example.com" or "p%d@example.com"):format(number),
      }
      lines[number + 1] = rows[number].address
    end
    -- The refused rows would be those that the second run begins with.
    for count = 36, 41, 5 do
      shell.write_file(list.csv, table.concat(lines, "\n", 1, count) .. "\n")
      local exit, words = finish()
      assert.equal(3, exit, words)
    end
    list.rows = rows
    assert.same({}, runs.judge(server, rows, list.report, true).faults)
  end)

  describe("of whom an earlier run may have invited,", function()
    -- Rows of these addresses, which are in doubt but for those that are expected to be rejected.
    local function new_rows(rows)
      local lines = { "email" }
      local journal = assert(require("aitronos.journal").open(list.journal, "org_xyz789"))
      for number, row in ipairs(rows) do
        row.line, lines[number + 1] = number + 1, row.address
        if row.expected ~= "rejected" then
          journal:intend(row.address, "role_member")
        end
      end
      assert(journal:close())
      shell.write_file(list.csv, table.concat(lines, "\n") .. "\n")
      list.rows = rows
    end

    it("tries those again whom the server then turned away", function()
      new_rows {
        { address = "fault+500x1.a@example.com", expected = "made" },
        { address = "fault+lostrequestx1.b@example.com", expected = "made" },
      }
      assert_complete(finish())
    end)

    it("comes back to those whom a server that is down kept it from asking about", function()
      -- Two whose look-up is in vain at first, so that they are in doubt for longer than others.
      local rows = { { address = "fault+lookup500x2.a@example.com", expected = "made" } }
      for number = 1, 5 do
        rows[number + 1] = { address = ("fault+503veto.%d@example.com"):format(number),
          expected = "rejected" }
      end
      rows[7] = { address = "fault+lookup500x2.b@example.com", expected = "made" }
      new_rows(rows)
      local outcomes, waits = {}, 0
      local settings = { org = "org_xyz789", role = "role_member", concurrency = 16,
        deadline = 120, existing = "skip" }
      local people = require("aitronos.cli.inputs").open {
        addresses = {}, file = list.csv,
      }:people()
      local client = require("aitronos").new {
        api_key = "sandbox_unlimited", base_url = server.base_url, settle = 1,
      }
      local invite = require "aitronos.cli.invite"
      local params = invite.call(error).params
      require("aitronos.cli.campaign").new({
        operation = invite.operation(settings),
        client = client, settings = settings, tally = require("aitronos.cli.tally").new(settings),
        journal = assert(require("aitronos.journal").open(list.journal, "org_xyz789")),
        next_person = function()
          local person = people()
          return person, person and params(settings, person)
        end,
        tell = function(row)
          outcomes[row.line - 1] = row.outcome
        end,
        wait = function()
          waits = waits + 1
        end,
      }):run_through()
      client:close()
      assert.equal(1, waits)
      for number, row in ipairs(rows) do
        assert.equal(row.expected, outcomes[number])
      end
    end)

    it("says that it does not know, where it ends before it looked", function()
      local rows = { { address = "fault+422.a@example.com", expected = "rejected" } }
      -- More than are looked up at once.
      for number = 2, 400 do
        rows[number] = { address = ("p%d@example.com"):format(number), expected = "made" }
      end
      new_rows(rows)
      assert.equal(3, (start({}, "--max-failures", "1"):finish()))
      local result = runs.judge(server, list.rows, list.report, false)
      assert.same({}, result.faults)
      assert.is_nil(result.outcomes.not_sent)
      assert.truthy(result.outcomes.unknown > 100)
    end)
  end)
end)
