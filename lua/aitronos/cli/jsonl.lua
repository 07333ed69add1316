--- Reads JSON lines: an object in each line.

local cjson = require "cjson.safe"
local input = require "aitronos.input"
local text = require "aitronos.text"

local find, format, sub = string.find, string.format, string.sub

local M = {}

local LINE_BYTES = 1048576
local LF = 10

local TOO_LONG = format("is longer than %d bytes", LINE_BYTES)

-- An instance of our own: nobody else's settings count here.
local decode = cjson.new().decode

---@return table|nil
---@return string|nil fault
local function object(line)
  -- lua-cjson has one kind of table for both.
  if not find(line, "^[ \t\r]*{") then
    return nil, "is not a JSON object"
  end
  local value, fault = decode(line)
  if value then
    return value
  end
  return nil, text.clip("is not JSON: " .. text.escape(fault), text.TEXT_BYTES)
end

local function next_line(source)
  local line = source.line
  local stop = find(source.data, "\n", source.at, true)
  while not stop and not source.ended and #source.data - source.at < LINE_BYTES do
    source:fill()
    stop = find(source.data, "\n", source.at, true)
  end
  if (stop or #source.data + 1) - source.at > LINE_BYTES then
    while not stop and source:has_more() do
      source.at = #source.data + 1
      source:has_more()
      stop = find(source.data, "\n", source.at, true)
    end
    source.at = stop or #source.data + 1
    return line, nil, TOO_LONG
  end

  local bytes = sub(source.data, source.at, stop and stop - 1)
  source.at = stop or #source.data + 1
  if not stop and source.failure then
    return line, nil, source:take_failure()
  elseif find(bytes, "[^ \t\r]") then
    return line, object(bytes)
  end
end

--- Reads objects one by one. Blank lines are skipped; a byte order mark is dropped. A line of more
--- than a MiB, or that is no object, is a fault, and those after it are read.
---@param read aitronos.Input|fun(): string|nil, string|nil chunks, as `input.new` takes them
---@return fun(): integer|nil, table|nil, string|nil next the line, its object, or nil and what is
---wrong with it; nil at the end
function M.reader(read)
  local source = input.new(read)
  return function()
    while source:has_more() do
      if find(source.data, "^\n", source.at) then
        source:pass_line_end(LF)
      else
        local line, value, fault = next_line(source)
        if line then
          return line, value, fault
        end
      end
    end
    local failure = source:take_failure()
    if failure then
      return source.line, nil, failure
    end
  end
end

M.null = cjson.null

return M
