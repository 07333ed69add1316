--- Runs of aitronos-invite that are broken off, and what a sandbox and the report say of them.

local cjson = require "cjson"
local fcntl = require "posix.fcntl"
local signal = require "posix.signal"
local stat = require "posix.sys.stat"
local stdlib = require "posix.stdlib"
local time = require "posix.time"
local unistd = require "posix.unistd"
local waiting = require "posix.sys.wait"
local shell = require "spec.support.shell"

local M = {}

local unpack = rawget(table, "unpack") or unpack -- luacheck: read globals unpack

local NAP = { tv_sec = 0, tv_nsec = 2e6 }
local PRIVATE = 384 -- 0600

-- ## Whom to invite

--- Faults after which there is an invitation in the end, and those that keep it away for good.
M.PASSING = {
  "lostreply", "resetreply", "lostrequestx1", "resetrequestx1", "500madex1", "504madex1", "500x1",
  "502x1", "503x1", "503barex1", "504x1", "html502x1", "408x1", "425x1", "429x1", "429barex1",
  "slow", "drip", "cuthead", "cutbody", "badjson", "emptybody", "html201", "array201", "noid201",
  "nothttp", "bigheaders", "late2x1", "lostreply.lookup503x1", "500madex1.lookup500x1",
}
M.LASTING = { "400", "422", "detail422", "older400" }

--- Rows of a CSV, a few of them with a fault, the address of another, or none that will do.
---@param count integer
---@param random fun(least: integer, most: integer): integer
---@param faults { passing: string[], lasting: string[], every: integer } one row of so many
---@return { line: integer, address: string, expected: string }[] rows
---@return string csv
function M.people(count, random, faults)
  local rows, lines = {}, { "email" }
  local function any(list)
    return "fault+" .. list[random(1, #list)] .. ".p"
  end
  for number = 1, count do
    local start, expected = "p", "made"
    local address
    if random(1, faults.every) == 1 then
      local lasts = random(1, 10) == 1
      start = any(lasts and faults.lasting or faults.passing)
      expected = lasts and "rejected" or "made"
    elseif random(1, 200) == 1 then
      address, expected = "nobody" .. number, "invalid"
    elseif number > 1 and random(1, 200) == 1 and rows[number - 1].expected ~= "invalid" then
      address, expected = rows[number - 1].address, "duplicate"
    end
    address = address or ("%s%d@example.com"):format(start, number)
    rows[number] = { line = number + 1, address = address, expected = expected }
    lines[number + 1] = address
  end
  return rows, table.concat(lines, "\n") .. "\n"
end

-- ## A process

---@class Process
---@field pid integer
---@field exit? integer once it has ended by itself
---@field ended boolean

local Process = {}
Process.__index = Process

local function redirect(descriptor, path)
  local flags = fcntl.O_WRONLY + fcntl.O_CREAT + fcntl.O_TRUNC
  local file = assert(fcntl.open(path, flags, PRIVATE))
  unistd.dup2(file, descriptor)
  unistd.close(file)
end

--- Starts a command in the background.
---@param words string[]
---@param environment table<string, string>
---@param complaints string path; what it prints else is not kept
function M.start(words, environment, complaints)
  local pid = assert(unistd.fork())
  if pid == 0 then
    redirect(unistd.STDOUT_FILENO, "/dev/null")
    redirect(unistd.STDERR_FILENO, complaints)
    for name, value in pairs(environment) do
      stdlib.setenv(name, value)
    end
    unistd.execp(words[1], { unpack(words, 2) })
    unistd._exit(127)
  end
  return setmetatable({ pid = pid, ended = false }, Process)
end

function Process:look(options)
  if not self.ended then
    local pid, how, code = waiting.wait(self.pid, options)
    if pid == self.pid then
      self.ended = true
      self.exit = how == "exited" and code or nil
    end
  end
  return self.ended
end

--- Waits until it has ended, or `check` holds. Returns whether it has ended.
function Process:await(check)
  while not self:look(waiting.WNOHANG) and not check() do
    time.nanosleep(NAP)
  end
  return self.ended
end

function Process:finish()
  self:look(0)
  return self.exit
end

--- Kills it. Returns whether it was still there to be killed.
function Process:kill()
  if not self:look(waiting.WNOHANG) then
    signal.kill(self.pid, signal.SIGKILL)
    self:look(0)
  end
  return self.exit == nil
end

--- Bytes of a file, 0 where there is none.
function M.size(path)
  local found = stat.stat(path)
  return found and found.st_size or 0
end

-- ## A loss of power

--- Takes from a journal what a loss of power may: some of what was not synced, or, at random, its
--- blocks are there and were never written.
---@param path string
---@param synced string path, as of spec/support/invite_hooked.lua
---@param random fun(least: integer, most: integer): integer
---@return integer bytes lost
function M.lose_power(path, synced, random)
  local text = M.read(path)
  local least = tonumber(M.read(synced):match("(%d+)\n[^\n]*$")) or 0
  assert(least <= #text, "the journal has become shorter")
  local kept = random(least, #text)
  local blank = random(1, 3) == 1 and ("\0"):rep(#text - kept) or ""
  shell.write_file(path, text:sub(1, kept) .. blank)
  return #text - kept
end

-- ## What came of it

local function report_of(path)
  local records = {}
  for line in M.read(path):gmatch("[^\n]+") do
    records[#records + 1] = cjson.decode(line)
  end
  return records
end

local function contains(list, value)
  for _, item in ipairs(list) do
    if item == value then
      return true
    end
  end
  return false
end

local INVITED = { made = true, existing = true }
-- To be there already is as good as made: an earlier run may have made it.
local AS = { existing = "made" }
local NOBODY = { posts = 0, asked = 0, invitation_ids = {} }

-- What is wrong with a record, by the row and by what the sandbox saw.
local function fault_of(record, row, seen, complete)
  local invited = seen.asked > 0
  local outcome = AS[record.outcome] or record.outcome
  if record.line ~= row.line or record.address ~= row.address then
    return "is not the row"
  elseif row.expected == "invalid" or row.expected == "duplicate" then
    return outcome ~= row.expected and "should be " .. row.expected
  elseif outcome ~= "unknown" and (INVITED[outcome] or false) ~= invited then
    return "is not what the sandbox has"
  elseif type(record.invitation_id) == "string"
    and not contains(seen.invitation_ids, record.invitation_id) then
    return "has another invitation's id"
  end
  return complete and outcome ~= row.expected and "should be " .. row.expected
end

--- Compares the sandbox, the report and the rows.
---@param server table of spec/support/sandbox.lua
---@param rows table[] of M.people
---@param report string path
---@param complete boolean whether the run came to its end, so that nobody may be missing
---@return { rows: integer, posts: integer, doubles: integer, missing: integer, faults: string[] }
function M.judge(server, rows, report, complete)
  local result = { rows = #rows, posts = 0, doubles = 0, missing = 0, outcomes = {}, faults = {} }
  local seen = {}
  for _, one in ipairs(cjson.decode(server.get("/_sandbox/addresses"))) do
    seen[one.email] = one
    result.posts = result.posts + one.posts
    result.doubles = result.doubles + math.max(one.asked - 1, 0)
  end
  local records = report_of(report)
  table.sort(records, function(a, b) return a.line < b.line end)
  for place, row in ipairs(rows) do
    local record, one = records[place], seen[row.address] or NOBODY
    local fault = not record and "is not in the report" or fault_of(record, row, one, complete)
    if fault then
      result.faults[#result.faults + 1] = ("%d %s: %s: %s"):format(row.line, row.address, fault,
        record and cjson.encode(record) or "")
    end
    if row.expected == "made" and one.asked == 0 then
      result.missing = result.missing + 1
    end
    local outcome = record and record.outcome or "?"
    result.outcomes[outcome] = (result.outcomes[outcome] or 0) + 1
  end
  if #records ~= #rows then
    result.faults[#result.faults + 1] = #records .. " records of " .. #rows .. " rows"
  end
  return result
end

--- The sum that the command prints must be that of its report.
---@return string? fault
function M.fault_of_sum(result, text)
  local words = {
    made = "invitations? made", existing = "there already", rejected = "refused",
    not_sent = "not sent", unknown = "unknown", invalid = "with faults left out",
    duplicate = "duplicates?",
  }
  local line = text:match("([^\n]*, of [%d,]+ rows?%.)") or ""
  local plain = line:gsub("(%d),(%d%d%d)", "%1%2")
  for outcome, pattern in pairs(words) do
    local said = tonumber(plain:match("(%d+) " .. pattern)) or 0
    if said ~= (result.outcomes[outcome] or 0) then
      return ("%d %s in the report, but: %s"):format(result.outcomes[outcome] or 0, outcome, line)
    end
  end
end

--- What is in a file, "" where there is none.
function M.read(path)
  return shell.read_file(path) or ""
end

return M
