--- Where the people come from: a file, standard input, or the command line. Each is read twice.

local output = require "aitronos.cli.output"
local people = require "aitronos.cli.people"
local person = require "aitronos.cli.person"
local text = require "aitronos.text"

local CHUNK = 65536

---@class aitronos.CommandInput
---@field name string for messages
local Input = {}
Input.__index = Input

local inputs = {}

-- What comes in once, and is read twice, is kept in a file that has no name.
local function keep_standard_input()
  local file, message = io.tmpfile()
  if not file then
    return nil, "cannot keep the input: " .. message
  end
  local fine, fault = true, nil
  local chunk = io.stdin:read(CHUNK)
  while chunk and fine do
    fine, fault = output.write(file, chunk)
    chunk = io.stdin:read(CHUNK)
  end
  if fine then
    fine, fault = file:flush()
  end
  if not fine then
    return nil, "cannot keep the input: " .. fault
  end
  return file
end

local function from_list(addresses)
  local index = 0
  return function()
    index = index + 1
    if addresses[index] then
      local one = person.new(index)
      one:set("address", addresses[index])
      return one
    end
  end
end

--- Begins at the first row.
---@return fun(): aitronos.Person?
function Input:people()
  if not self.file then
    return from_list(self.addresses)
  end
  self.file:seek("set")
  local next_person
  next_person, self.about = people.open(function()
    return self.file:read(CHUNK)
  end, { format = self.format })
  return next_person
end

--- Names of columns that say nothing to the command, once they are read.
---@return string[]
function Input:ignored()
  return self.about and self.about.ignored or {}
end

---@param settings aitronos.CommandSettings
---@return aitronos.CommandInput? input
---@return string? message
function inputs.open(settings)
  local self = setmetatable({ addresses = settings.addresses, format = settings.format }, Input)
  local message
  if settings.file == "-" then
    self.name = "standard input"
    self.file, message = keep_standard_input()
  elseif settings.file then
    self.name = text.escape(settings.file)
    self.file, message = io.open(settings.file, "rb")
    message = message and "cannot open " .. text.escape(message)
    if self.file and not self.file:seek("set") then
      return nil, self.name .. " can be read once only: give it as standard input, --file -"
    end
  else
    self.name = "argument"
    return self
  end
  if not self.file then
    return nil, message
  end
  return self
end

return inputs
