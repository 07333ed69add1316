--- Which rows name an address that another row names, too, however many rows there are: beyond some
--- they go to files without a name, one for each part of the addresses, and each part is looked
--- through by itself.

local output = require "aitronos.cli.output"
local person = require "aitronos.cli.person"

local byte, format, gmatch, match = string.byte, string.format, string.gmatch, string.match
local concat = table.concat

local PARTS = 64
-- Rows in memory before all that are there go to the files.
local KEPT = 20000
local LINE = "^(%d+)\t([^\t]*)\t([^\n]*)"

---@class aitronos.Repeat
---@field first integer the row that names the address first
---@field differs boolean the rows of this address do not all have the same role
---@field address string

---@class aitronos.Repeats
---@field private parts { rows: string[], file?: file* }[]
---@field private kept integer
local Repeats = {}
Repeats.__index = Repeats

local function part_of(self, key)
  local sum = 0
  for i = 1, #key do
    sum = (sum * 31 + byte(key, i)) % 16777213
  end
  return self.parts[sum % PARTS + 1]
end

local function check(fine, message)
  if not fine then
    error("cannot keep the addresses: " .. tostring(message), 0)
  end
  return fine
end

local function empty(self)
  for _, part in ipairs(self.parts) do
    part.file = part.file or check(io.tmpfile())
    check(output.write(part.file, concat(part.rows)))
    part.rows = {}
  end
  self.kept = 0
end

--- Takes in a row. Raises where it can't be kept.
---@param line integer
---@param address string without a control character, as is the role
---@param role string
function Repeats:add(line, address, role)
  local rows = part_of(self, person.lower(address)).rows
  rows[#rows + 1] = format("%d\t%s\t%s\n", line, address, role)
  self.kept = self.kept + 1
  if self.kept >= KEPT then
    empty(self)
  end
end

local function each_row(part)
  if not part.file then
    return gmatch(concat(part.rows), "[^\n]+")
  end
  check(output.write(part.file, concat(part.rows)))
  check(output.flush(part.file))
  check(part.file:seek("set"))
  return part.file:lines()
end

-- The rows come in the order in which they were added.
local function look_through(part, found)
  local first, roles, differs, keys = {}, {}, {}, {}
  for row in each_row(part) do
    local number, address, role = match(row, LINE)
    local line, key = tonumber(number), person.lower(address)
    if not first[key] then
      first[key], roles[key] = line, role
    else
      differs[key] = differs[key] or roles[key] ~= role
      keys[line] = key
      found[line] = { first = first[key], address = address }
      found[first[key]] = found[first[key]] or { first = first[key], address = address }
      keys[first[key]] = key
    end
  end
  for line, key in pairs(keys) do
    found[line].differs = differs[key] == true
  end
  if part.file then
    part.file:close()
  end
end

--- The rows whose address is there more than once, the first of them included, by line.
---@return table<integer, aitronos.Repeat>
function Repeats:find()
  local found = {}
  for _, part in ipairs(self.parts) do
    look_through(part, found)
  end
  self.parts = nil
  return found
end

---@return aitronos.Repeats
return function()
  local parts = {}
  for i = 1, PARTS do
    parts[i] = { rows = {} }
  end
  return setmetatable({ parts = parts, kept = 0 }, Repeats)
end
