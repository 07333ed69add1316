--- The command while a server says when it goes on: interrupts, and a network that goes away.

local command = require "spec.support.command"

if command.unfit then
  it("the command", function() pending(command.unfit) end)
  return
end

local Server = require "spec.support.server"
local api = require "spec.support.api"
local cjson = require "cjson"
local shell = require "spec.support.shell"

describe("aitronos-invite #bulk", function()
  local cli = command.each()
  local server, held, look_ups_held

  -- Holds each answer but the first until `held` is false; those to look-ups until `look_ups_held`
  -- is.
  local function handler(connection)
    local request = connection:read_request()
    while request do
      local looked_up = request.path:match("%?email=(p%d+)")
      local resent = request.path:match("/usr_(p%d+)/")
      if looked_up then
        connection:wait_until(function() return not look_ups_held end)
        connection:write(api.response(200, api.found {
          email = looked_up .. "@example.com", user_id = "usr_" .. looked_up,
        }))
      elseif resent then
        connection:wait_until(function() return not held or resent == "p1" end)
        connection:write(api.response(204, ""))
      else
        local email = cjson.decode(request.body).email
        connection:wait_until(function() return not held or email == "p1@example.com" end)
        connection:write(api.response(201, api.made("inv_" .. email)))
      end
      request = connection:read_request()
    end
  end

  before_each(function()
    held, look_ups_held = true, false
    server = Server.new(handler)
    cli.base_url = server:url()
    local lines = {}
    for i = 1, 40 do
      lines[i] = ("p%d@example.com\n"):format(i)
    end
    cli:write("list.csv", table.concat(lines))
  end)
  after_each(function()
    server:close()
  end)

  local ARGUMENTS = "--role role_member --file list.csv --concurrency 3"

  local function wait_for(predicate)
    server:run({}, predicate)
  end

  -- Starts it, and waits until so many requests have come: all but the first are under way then.
  local function start(more, count)
    cli:start(ARGUMENTS .. " " .. (more or ""))
    wait_for(function() return #server.requests == (count or 4) end)
  end

  local function wait_for_words(words)
    wait_for(function()
      return (cli:read "err"):find(words, 1, true) or cli.started:ended()
    end)
  end

  local function finish()
    wait_for(function() return cli.started:ended() end)
    return cli:finish()
  end

  local function outcomes(name)
    local counts = {}
    for _, row in ipairs(cli:rows(name)) do
      counts[row.outcome] = (counts[row.outcome] or 0) + 1
    end
    return counts
  end

  for _, signal in ipairs { "INT", "TERM" } do
    it("on SIG" .. signal .. " lets those under way finish, and can be resumed", function()
      start "--report r.jsonl"
      cli:signal(signal)
      wait_for_words "once more stops at once"
      held = false
      local ended = finish()
      assert.equal(130, ended.code, ended.err)
      assert.equal(4, #server.requests)
      assert.same({ made = 4, not_sent = 36 }, outcomes "r.jsonl")
      assert.truthy(ended.err:find("4 invitations made, 36 not reached, of 40 rows.", 1, true))
      assert.truthy(ended.err:find("4/40, 10 %, in 0:", 1, true), ended.err)
      assert.equal(4, select(2, ended.out:gsub("\n", "")))

      local arguments = ended.err:match("\naitronos%-invite: resume with: aitronos%-invite "
        .. "%-%-org org_xyz789 ([^\n]+)\n$")
      ended = cli:run_with(server, arguments)
      assert.equal(0, ended.code)
      assert.equal(40, #server.requests)
      assert.same({ made = 40 }, outcomes "r.jsonl")
    end)
  end

  it("on a second one ends at once, says how to resume, and leaves nothing half-written", function()
    start "--report r.jsonl --failed f.csv"
    cli:signal "INT"
    wait_for_words "once more stops at once"
    cli:signal "INT"
    local ended = finish()
    assert.equal(130, ended.code, ended.err)
    assert.truthy(ended.err:find("resume with: aitronos-invite", 1, true), ended.err)
    assert.equal("", shell.output_of("ls " .. cli.folder .. " | grep part"))
    -- Three that may have been sent are still in the journal.
    local journal = cli:read "list.csv.journal"
    assert.equal(1, select(2, journal:gsub('"done"', "")))
    assert.truthy(journal:find('{"intent":"p4@example.com"', 1, true))
  end)

  it("sends none of those that the pace still held back", function()
    start("--rate 1", 1)
    cli:signal "INT"
    wait_for_words "once more stops at once"
    held = false
    assert.truthy(finish().err:find("1 invitation made, 39 not reached, of 40 rows.", 1, true))
    local sent = {}
    for i, request in ipairs(server.requests) do
      sent[i] = request.body
    end
    assert.equal(1, #sent, table.concat(sent, '\n'))
  end)

  it("says of those in doubt that it did not come to that it is not known", function()
    cli:write("list.csv.journal", '{"aitronos_journal":1,"organization_id":"org_xyz789"}\n'
      .. '{"intent":"p40@example.com","role":"role_member"}\n')
    start "--report r.jsonl --failed f.csv"
    cli:signal "INT"
    wait_for_words "once more stops at once"
    held = false
    assert.equal(130, finish().code)
    assert.same({ made = 4, not_sent = 35, unknown = 1 }, outcomes "r.jsonl")
    assert.truthy(cli:read("f.csv"):find("p39@example.com", 1, true))
    assert.is_nil(cli:read("f.csv"):find("p40@example.com", 1, true))
  end)

  it("comes to a clean end where nobody reads its results any longer", function()
    start("--report r.jsonl | { head -n 1; exec <&-; echo >closed; }", 4)
    wait_for(function() return cli:read "closed" end)
    held = false
    local ended = finish()
    assert.truthy(ended.err:find("stopped: cannot write the results: Broken pipe", 1, true),
      ended.err)
    assert.truthy(ended.err:find("resume with: ", 1, true))
    local counts = outcomes "r.jsonl"
    assert.equal(#server.requests, counts.made)
    assert.equal(40, counts.made + counts.not_sent)
  end)

  describe("resend", function()
    local RESEND = "resend --file list.csv --concurrency 4 --report r.jsonl"

    -- Whose mail was asked for.
    local function mails()
      local counts, total = {}, 0
      for _, request in ipairs(server.requests) do
        local user = request.path:match("/users/usr_(p%d+)/resend%-invitation$")
        if user then
          counts[user] = (counts[user] or 0) + 1
          assert.equal(1, counts[user], user)
          total = total + 1
        end
      end
      return total
    end

    -- Until four are under way beside the first, which is as many as may be.
    local function start_resend()
      cli:start(RESEND)
      wait_for(function() return mails() == 5 end)
    end

    it("on SIGINT lets those under way finish, and can be resumed", function()
      start_resend()
      cli:signal "INT"
      wait_for_words "once more stops at once"
      held = false
      local ended = finish()
      assert.equal(130, ended.code, ended.err)
      assert.equal(5, mails())
      assert.same({ resent = 5, not_sent = 35 }, outcomes "r.jsonl")
      assert.truthy(ended.err:find("5 invitations sent again, 35 not reached, of 40", 1, true))
      local arguments = ended.err:match("resume with: aitronos%-invite %-%-org org_xyz789 ([^\n]+)")
      assert.equal(RESEND, arguments)
      assert.equal(0, cli:run_with(server, arguments).code)
      assert.equal(40, mails())
      assert.same({ resent = 40 }, outcomes "r.jsonl")
    end)

    it("on SIGINT during its look-ups begins nothing more", function()
      look_ups_held = true
      cli:start(RESEND)
      wait_for(function() return #server.requests == 1 end)
      cli:signal "INT"
      wait_for_words "once more stops at once"
      look_ups_held = false
      assert.equal(130, finish().code)
      assert.equal(1, #server.requests)
      assert.same({ not_sent = 40 }, outcomes "r.jsonl")
    end)

    it("killed, leaves alone those whom it may have mailed", function()
      start_resend()
      cli:signal "KILL"
      finish()
      held = false
      assert.equal(6, cli:run_with(server, RESEND).code)
      assert.same({ resent = 36, unknown = 4 }, outcomes "r.jsonl")
      assert.equal(40, mails())
    end)
  end)

  it("says so where another run has its journal, which --dry-run may look at", function()
    start()
    local first = cli.started
    wait_for(function() return cli:read("list.csv.journal"):find('"done"', 1, true) end)
    cli:start(ARGUMENTS .. " --dry-run")
    local looked = finish().out
    assert.truthy(looked:find("\n +1 done by earlier runs\n"), looked)
    cli:start(ARGUMENTS)
    local second = finish()
    assert.equal(1, second.code)
    assert.truthy(second.err:find("another run, process %d+, is using the journal"), second.err)
    held, cli.started = false, first
    wait_for(function() return first:ended() end)
    assert.equal(0, (first:finish()))
    assert.equal(40, #server.requests)
  end)
end)
