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

-- In a file that has no name: what is read again is what was checked, whatever comes in between.
local function keep(from, name)
  local file, fault = io.tmpfile()
  local fine = file
  while fine do
    local chunk, failure = from:read(CHUNK)
    if failure then
      return nil, "cannot read " .. name .. ": " .. failure
    elseif not chunk then
      fine, fault = output.flush(file)
      break
    end
    fine, fault = output.write(file, chunk)
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
    self.file, message = keep(io.stdin, self.name)
  elseif settings.file then
    self.name = text.escape(settings.file)
    local file
    file, message = io.open(settings.file, "rb")
    if not file then
      return nil, "cannot open " .. text.escape(message)
    end
    self.file, message = keep(file, self.name)
    file:close()
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
