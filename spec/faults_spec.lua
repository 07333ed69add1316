--- Every fault, on a fresh and on a reused connection, done once and done always, with everything
--- that a look-up can say: what must reach the server, and what the caller must be told.

local Server = require "spec.support.server"
local aitronos = require "aitronos"
local api = require "spec.support.api"
local faults = require "spec.support.faults"
local h2 = require "spec.support.h2"
local tls = require "spec.support.tls"

-- How many POSTs of the call may reach the server, and how the call ends:
--   answer            the server's own 201
--   found, existing   what the look-up found; the second is clearly older than the call
--   differs           conflict: the look-up found an invitation with another role
--   error             the fault itself
-- and for the last two: what the Error says has become of the invitation.
local RULES = {
  ["made"] = "1 answer",
  ["not sent"] = { once = "1 answer", always = "0 error not_sent retryable" },
  ["lasting"] = "0 error not_sent",
  ["turned away"] = { once = "2 answer", always = "2 error rejected retryable" },
  ["to be asked much later"] = "1 error rejected retryable",
  ["rejected"] = "1 error rejected",
  -- The server said that it did nothing, and is asked once more before this is believed.
  ["turned away, may be"] = {
    ["finds it"] = "1 found",
    ["finds an older one"] = "1 existing",
    ["finds another role"] = "1 differs rejected",
    ["says absent"] = { once = "2 answer", always = "2 error rejected retryable" },
    ["is unavailable"] = "1 error rejected retryable",
    ["hangs"] = "1 error rejected retryable",
  },
  ["ambiguous"] = {
    ["finds it"] = "1 found",
    ["finds an older one"] = "1 existing",
    ["finds another role"] = "1 differs unknown",
    -- Proven not to be made: sent once more, and after that proven again.
    ["says absent"] = { once = "2 answer", always = "2 error rejected retryable" },
    ["is unavailable"] = "1 error unknown",
    ["hangs"] = "1 error unknown",
  },
  ["reply lost"] = {
    ["finds it"] = "1 found",
    ["finds an older one"] = "1 existing",
    ["finds another role"] = "1 differs unknown",
    ["says absent"] = "1 error unknown",
    ["is unavailable"] = "1 error unknown",
    ["hangs"] = "1 error unknown",
  },
}

-- Status and body, made when asked for; nothing: it hangs.
local LOOK_UPS = {
  ["finds it"] = function()
    return 200, api.found()
  end,
  ["finds an older one"] = function()
    return 200, api.found { created_at = "2020-01-05T10:30:00Z" }
  end,
  ["finds another role"] = function()
    return 200, api.found { role_id = "role_admin" }
  end,
  ["says absent"] = function()
    return 404, api.problem("INVITATION_NOT_FOUND")
  end,
  ["is unavailable"] = function()
    return 503, api.HTML
  end,
  ["hangs"] = function() end,
}

-- Few enough for select, with some six descriptors each.
local AT_ONCE = 100
-- For what never comes. On a machine that is too slow for it, which shows in attempts that time out
-- though they were served, a cell begins again with more.
local NEVER_COMES = { 1, 5, 25 }
local SECRETS = { "ak_test_secret", "uuid%-secret", "invite=secret" }

local certificates


-- ## Expectations

-- A row of the rules, narrowed to what the look-up says: text, or a table by how often.
local function rule_of(class, look_up_name)
  local row = RULES[class]
  return type(row) == "table" and row[look_up_name] or row
end

local function rule(cell)
  local found = rule_of(cell.fault.class, cell.look_up)
  return type(found) == "table" and found[cell.mode] or found
end

local function looks_up(cell)
  return RULES[cell.fault.class]["hangs"] ~= nil
end

local function outcome_of(result)
  local err = result.err
  if not err then
    local response = result.response
    return not response.reconciled and "answer" or response.existing and "existing" or "found"
  end
  local told = err.code == "INVITATION_ROLE_DIFFERS" and "differs" or "error"
  return told .. " " .. err.outcome .. (err.retryable and " retryable" or "")
end

local function check_invitation(cell, complain)
  local invitation = cell.result.invitation
  local id = cell.result.response.reconciled and api.FOUND or api.INVITATION
  if invitation.invitation_id ~= id or invitation.email ~= api.EMAIL then
    complain("the invitation is not the one that was made")
  end
end

local function check_error(cell, complain)
  local err, fault = cell.result.err, cell.fault
  local differs = err.code == "INVITATION_ROLE_DIFFERS"
  local kind = differs and "conflict" or fault.kind
  if err.kind ~= kind then
    complain(("kind %s instead of %s: %s"):format(err.kind, tostring(kind), tostring(err)))
  end
  if err.status ~= fault.status then
    complain(("status %s instead of %s"):format(tostring(err.status), tostring(fault.status)))
  end
  if fault.class == "to be asked much later" and (err.retry_after or 0) <= 3600 then
    complain("retry_after is missing")
  end
  if err.retryable and err.outcome == "unknown" then
    complain("retryable, and yet it may have been made")
  end
  local text = tostring(err) .. require("cjson").encode(err:to_table())
  for _, secret in ipairs(SECRETS) do
    if text:find(secret) then
      complain("gives away a secret: " .. secret)
    end
  end
end

local function check_look_ups(cell, complain)
  local n = cell.server:count("GET")
  if looks_up(cell) ~= (n > 0) then
    complain(n .. " look-ups")
  end
  local posts = 0
  local absent = 0
  for _, request in ipairs(cell.server.requests) do
    if request.method == "GET" then
      absent = absent + 1
    else
      posts = posts + 1
      local again = posts == (cell.reused and 3 or 2)
      if again and cell.fault.class == "ambiguous" and absent < 2 then
        complain("sent again before absence had held")
      end
    end
  end
end

-- Whether just those attempts timed out that were to.
local function kept_up(cell)
  return cell.timeouts == cell.server.hung
end

-- A list of what is wrong with the cell.
local function complaints(cell)
  local list = {}
  local function complain(text)
    list[#list + 1] = ("  %s, %s connection, look-up %s: %s"):format(cell.mode,
      cell.reused and "reused" or "fresh", cell.look_up, text)
  end

  local got = cell.posts .. " " .. outcome_of(cell.result)
  if got ~= rule(cell) then
    complain(("'%s' instead of '%s': %s"):format(got, rule(cell), tostring(cell.result.err)))
  end
  if not kept_up(cell) then
    complain(("%d attempts timed out, %d were left without an answer"):format(cell.timeouts,
      cell.server.hung))
  end
  local check = cell.result.err and check_error or check_invitation
  check(cell, complain)
  check_look_ups(cell, complain)
  return list
end


-- ## Servers

-- Whether the fault is done to the n-th one, be it a POST or a connection.
local function strikes(cell, n)
  return cell.primed and (cell.mode == "always" or n == 1)
end

local HTTP1 = {
  read = function(connection)
    return connection:read_request()
  end,
  respond = function(connection, _, status, body)
    connection:write(api.response(status, body))
  end,
  hang = function(connection)
    connection:hang()
  end,
}

local HTTP2 = {
  read = h2.read_request,
  respond = h2.respond,
  -- The next request may come over the same connection.
  hang = function(connection)
    connection:ignore()
    return true
  end,
}

local function look_up(cell, connection, request, protocol)
  local status, body = LOOK_UPS[cell.look_up]()
  if not status then
    return protocol.hang(connection)
  end
  protocol.respond(connection, request, status, body)
  return true
end

local function post(cell, connection, request, protocol)
  cell.posts = cell.posts + (cell.primed and 1 or 0)
  if cell.fault.serve and strikes(cell, cell.posts) then
    return cell.fault.serve(connection, request)
  end
  if cell.fault.accept or cell.fault.tls or cell.fault.refuses then
    -- The fault is one of new connections, so the next request must need one.
    connection:write(api.response(201, api.made(), { "Connection: close" }))
    return false
  end
  protocol.respond(connection, request, 201, api.made())
  return true
end

local function secure(cell, connection, faulty)
  if not cell.fault.tls and not cell.fault.http2 then
    return true
  end
  local name = cell.fault.http2 and "h2" or faulty and cell.fault.tls or "good"
  return connection:start_tls(certificates.contexts[name])
    and (not cell.fault.http2 or h2.start(connection))
end

local function reset_unread(cell, connection)
  connection:wait_for_bytes()
  cell.posts = cell.posts + 1
  cell.fault.unread(connection)
end

local function handler(cell)
  local protocol = cell.fault.http2 and HTTP2 or HTTP1
  return function(connection)
    cell.connections = cell.connections + (cell.primed and 1 or 0)
    local faulty = strikes(cell, cell.connections)
    if faulty and cell.fault.accept then
      return cell.fault.accept(connection)
    end
    if not secure(cell, connection, faulty) then
      return
    end
    local goes_on = true
    while goes_on do
      connection:wait_for_bytes()
      if cell.fault.unread and strikes(cell, cell.posts + 1) then
        return reset_unread(cell, connection)
      end
      local request = protocol.read(connection)
      if not request then
        return
      end
      local serve = request.method == "GET" and look_up or post
      goes_on = serve(cell, connection, request, protocol)
    end
  end
end


-- ## Cells

-- What the client waits for in vain, by the time-out that ends it.
local function in_vain(cell)
  return cell.fault.never_comes
    or looks_up(cell) and cell.look_up == "hangs" and "timeout"
    or nil
end

local function new_client(cell)
  local options = {
    api_key = "ak_test_secret",
    base_url = (cell.fault.tls or cell.fault.http2) and cell.server:secure_url()
      or cell.server:url(),
    ca_file = certificates.ca_file,
    http2 = cell.fault.http2,
    proxy = "",
    timeout = 300,
    connect_timeout = 300,
    deadline = 1000,
    max_retries = 1,
    settle = 0.02,
    on_event = function(event)
      if event.failure == "timeout" or event.failure == "connect_timeout" then
        cell.timeouts = cell.timeouts + 1
      end
    end,
  }
  for _, name in ipairs { in_vain(cell) } do
    options[name] = NEVER_COMES[cell.round]
  end
  for name, value in pairs(cell.fault.options or {}) do
    options[name] = value
  end
  return aitronos.new(options)
end

local function prime(cell)
  cell.primed = true
  if cell.fault.refuses then
    cell.server:stop_listening()
  end
end

local function start(cell)
  cell.round = (cell.round or 0) + 1
  cell.posts, cell.connections, cell.timeouts, cell.primed = 0, 0, 0, false
  cell.server = Server.new(handler(cell))
  cell.client = new_client(cell)
  if not cell.reused then
    prime(cell)
  end
  cell.job = cell.client:submit(api.PARAMS)
end

local function may_begin_again(cell)
  return not kept_up(cell) and NEVER_COMES[cell.round + 1] ~= nil
end

-- Moves a cell on whose job is done; true where that was all.
local function finish(cell)
  local invitation, response = cell.job:try_result()
  if not cell.primed and not may_begin_again(cell) then
    assert(invitation, "the call before the fault failed: " .. tostring(response))
    prime(cell)
    cell.job = cell.client:submit(api.PARAMS)
    return false
  end
  cell.result = {
    invitation = invitation,
    response = invitation and response,
    err = not invitation and response or nil,
  }
  cell.client:close()
  cell.server:close()
  return true
end

local function drop(list, value)
  for i = #list, 1, -1 do
    if list[i] == value then
      table.remove(list, i)
    end
  end
end

local function run(cells)
  local servers, clients, running = {}, {}, {}
  local again = {}
  local next_cell = 1
  local function take()
    next_cell = next_cell + 1
    return cells[next_cell - 1] or table.remove(again)
  end
  Server.run_all(servers, clients, function()
    for i = #running, 1, -1 do
      local cell = running[i]
      if cell.job:done() and finish(cell) then
        table.remove(running, i)
        drop(servers, cell.server)
        drop(clients, cell.client)
        if may_begin_again(cell) then
          table.insert(again, cell)
        end
      end
    end
    while #running < AT_ONCE do
      local cell = take()
      if not cell then
        break
      end
      start(cell)
      table.insert(running, cell)
      table.insert(servers, cell.server)
      table.insert(clients, cell.client)
    end
    return running[1] == nil
  end)
end

-- Once and always differ only where more than one POST may come.
local function modes_of(fault, look_up_name)
  if fault.only then
    return { fault.only }
  end
  local differ = type(rule_of(fault.class, look_up_name)) == "table"
  return differ and { "once", "always" } or { "once" }
end

local function cells_of(fault)
  local cells = {}
  for look_up_name in pairs(LOOK_UPS) do
    for _, mode in ipairs(modes_of(fault, look_up_name)) do
      for _, reused in ipairs(fault.fresh_only and { false } or { false, true }) do
        table.insert(cells, { fault = fault, look_up = look_up_name, mode = mode, reused = reused })
      end
    end
  end
  return cells
end

-- What waits longest begins first.
local function in_order(cells)
  local function weight(cell)
    return (looks_up(cell) and cell.look_up == "hangs" and 2 or 0)
      + ((cell.fault.options or cell.mode == "always") and 1 or 0)
  end
  table.sort(cells, function(a, b)
    return weight(a) > weight(b)
  end)
  return cells
end

-- How often each outcome was seen, most frequent first.
local function tally(cells)
  local seen, names = {}, {}
  for _, cell in ipairs(cells) do
    local name = cell.posts .. " " .. outcome_of(cell.result)
    if not seen[name] then
      names[#names + 1] = name
    end
    seen[name] = (seen[name] or 0) + 1
  end
  table.sort(names)
  for i, name in ipairs(names) do
    names[i] = ("%d × '%s'"):format(seen[name], name)
  end
  return table.concat(names, ", ")
end


describe("a call", function()
  local by_fault, all = {}, {}

  setup(function()
    certificates = tls.make()
    for _, fault in ipairs(faults) do
      by_fault[fault] = cells_of(fault)
      for _, cell in ipairs(by_fault[fault]) do
        all[#all + 1] = cell
      end
    end
    run(in_order(all))
  end)

  teardown(function()
    certificates.remove()
    print("\nPOSTs that reached the server, and how the call ended:")
    for _, fault in ipairs(faults) do
      print(("  %-42s %s"):format(fault.name, tally(by_fault[fault])))
    end
    print(("# %d faults in %d cells"):format(#faults, #all))
  end)

  for _, fault in ipairs(faults) do
    it("that meets this is told the truth and sent no more than it may: " .. fault.name, function()
      local wrong = {}
      for _, cell in ipairs(by_fault[fault]) do
        for _, complaint in ipairs(complaints(cell)) do
          wrong[#wrong + 1] = complaint
        end
      end
      assert(not wrong[1], "\n" .. table.concat(wrong, "\n"))
    end)
  end
end)
