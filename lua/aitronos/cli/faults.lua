--- Says what is wrong with rows: of each row what is about it alone, and once what many have.

local complaint = require "aitronos.cli.complaint"
local shown = require "aitronos.cli.shown"

-- So many lines are named; where there are more, one fewer, and how many the others are.
local NAMED = 3

---@class aitronos.CommandFaults
---@field count integer rows that are wrong
---@field private name string of the input
---@field private shared table<string, { first: aitronos.Record, lines: integer[], count: integer }>
---@field private order string[] the keys of these
local Faults = {}
Faults.__index = Faults

local faults = {}

local function share(self, row)
  local shared = self.shared[row.in_full]
  if not shared then
    shared = { first = row, lines = {}, count = 0 }
    self.shared[row.in_full] = shared
    self.order[#self.order + 1] = row.in_full
  end
  shared.count = shared.count + 1
  if shared.count <= NAMED then
    shared.lines[shared.count] = row.line
  end
end

--- Takes a row that is wrong, or that names an address again.
---@param row aitronos.Record
function Faults:add(row)
  self.count = self.count + (row.outcome == "invalid" and 1 or 0)
  if row.in_full then
    share(self, row)
  else
    complaint.say(shown.at(self.name, row))
  end
end

--- Says what several rows may have, once all are added.
function Faults:say_shared()
  for _, message in ipairs(self.order) do
    local shared = self.shared[message]
    if shared.count == 1 then
      complaint.say(shown.at(self.name, shared.first))
    else
      local lines = shared.lines
      if shared.count > NAMED then
        lines[NAMED] = shown.number(shared.count - NAMED + 1) .. " more"
      end
      complaint.say(shown.at_lines(self.name, lines, message))
    end
  end
end

---@param name string of the input
---@return aitronos.CommandFaults
function faults.new(name)
  return setmetatable({ count = 0, name = name, shared = {}, order = {} }, Faults)
end

return faults
