--- Every fault, on a fresh and on a reused connection, done once and done always, with everything
--- that a look-up can say: what must reach the server, and what the caller must be told.

local api = require "spec.support.api"
local cells = require "spec.support.cells"
local cjson = require "cjson"
local faults = require "spec.support.faults"
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

local SECRETS = { "ak_test_secret", "uuid%-secret", "invite=secret" }


-- A row of the rules, narrowed to what the look-up says: text, or a table by how often.
local function rule_of(class, look_up_name)
  local row = RULES[class]
  return type(row) == "table" and row[look_up_name] or row
end

local function rule(cell)
  local found = rule_of(cell.fault.class, cell.look_up)
  return type(found) == "table" and found[cell.mode] or found
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
  local text = tostring(err) .. cjson.encode(err:to_table())
  for _, secret in ipairs(SECRETS) do
    if text:find(secret) then
      complain("gives away a secret: " .. secret)
    end
  end
end

local function check_look_ups(cell, complain)
  local n = cell.server:count("GET")
  if cell.looks_up ~= (n > 0) then
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
  if not cells.kept_up(cell) then
    complain(("%d attempts timed out, some too early; %d were left without an answer"):format(
      cell.timeouts, cell.server.hung))
  end
  local check = cell.result.err and check_error or check_invitation
  check(cell, complain)
  check_look_ups(cell, complain)
  return list
end


-- Once and always differ only where more than one POST may come.
local function modes_of(fault, look_up_name)
  if fault.only then
    return { fault.only }
  end
  local differ = type(rule_of(fault.class, look_up_name)) == "table"
  return differ and { "once", "always" } or { "once" }
end

-- Where the Luas share the cells: which of how many shares is this one's.
local PART, PARTS = (os.getenv("PART") or ""):match("^(%d+)of(%d+)$")
PART, PARTS = tonumber(PART or 1), tonumber(PARTS or 1)
local count = 0

-- One cell after another is another Lua's, in an order that changes from round to round.
local function is_ours()
  count = count + 1
  return (count + math.floor(count / PARTS)) % PARTS == PART - 1
end

local function cells_of(fault)
  local list = {}
  for _, look_up in ipairs(cells.LOOK_UPS) do
    for _, mode in ipairs(modes_of(fault, look_up)) do
      for _, reused in ipairs(fault.fresh_only and { false } or { false, true }) do
        list[#list + 1] = is_ours() and {
          fault = fault,
          look_up = look_up,
          mode = mode,
          reused = reused,
          looks_up = RULES[fault.class]["hangs"] ~= nil,
        } or nil
      end
    end
  end
  return list
end

-- How often each outcome was seen, most frequent first.
local function tally(list)
  local seen, names = {}, {}
  for _, cell in ipairs(list) do
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
  local certificates = tls.each()
  local met, by_fault, all = {}, {}, {}

  for _, fault in ipairs(faults) do
    by_fault[fault] = cells_of(fault)
    if by_fault[fault][1] then
      met[#met + 1] = fault
    end
    for _, cell in ipairs(by_fault[fault]) do
      all[#all + 1] = cell
    end
  end

  setup(function()
    cells.run(all, certificates)
  end)

  teardown(function()
    print("\nPOSTs that reached the server, and how the call ended:")
    for _, fault in ipairs(met) do
      print(("  %-42s %s"):format(fault.name, tally(by_fault[fault])))
    end
    print(("# %d faults in %d cells"):format(#met, #all)
      .. (PARTS > 1 and (", share %d of %d"):format(PART, PARTS) or ""))
  end)

  for _, fault in ipairs(met) do
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
