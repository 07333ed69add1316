--- A window on an input that comes in chunks: the bytes that a reader has not done with yet.

local find, max, sub = string.find, math.max, string.sub
local concat = table.concat
local setmetatable, type = setmetatable, type

local BLOCK = 4096
local CR, LF = 13, 10

---@class aitronos.Input
---@field data string
---@field at integer where in `data` the bytes begin that are not done with
---@field line integer the physical line that `at` is in, from 1
---@field ended boolean nothing follows `data`
---@field failure? string why the input ended before its time
---@field private read fun(): string|nil, string|nil
---@field private block integer
---@field private started boolean
---@field private after_cr boolean the byte before `at` was a carriage return
local Input = {}
Input.__index = Input

-- Byte order marks. Without this, UTF-16 would be a fault in each line that does not say its cause.
local function look_at_mark(self)
  if find(self.data, "^\239\187\191") then
    self.at = 4
  elseif find(self.data, "^\255\254") or find(self.data, "^\254\255") then
    self.data, self.ended = "", true
    self.failure = "the input is UTF-16: save it as UTF-8"
  end
end

--- Reads on; what came before `at` is dropped. Afterwards there are more bytes, or `ended` is true.
function Input:fill()
  local kept = sub(self.data, self.at)
  -- As much again as there is: a long record is looked through once each time its size doubles,
  -- and not once for each chunk.
  local parts, got, wanted = { kept }, 0, max(#kept, self.block)
  while got < wanted and not self.ended do
    local chunk, failure = self.read()
    if chunk then
      parts[#parts + 1] = chunk
      got = got + #chunk
    else
      self.ended = true
      self.failure = failure and "the input could not be read to its end: " .. failure
    end
  end
  self.data, self.at = concat(parts), 1
  if not self.started then
    self.started = true
    look_at_mark(self)
  end
end

--- Whether there is a byte at `at`, after reading on if need be.
---@return boolean
function Input:has_more()
  while self.at > #self.data and not self.ended do
    self:fill()
  end
  return self.at <= #self.data
end

--- Moves past the line end, or half of one, that `at` is at: CR, LF, and CR LF each end one line.
---@param byte integer the byte there
function Input:pass_line_end(byte)
  if byte ~= LF or not self.after_cr then
    self.line = self.line + 1
  end
  self.after_cr = byte == CR
  self.at = self.at + 1
end

--- Moves to a place that is no line end's second half.
---@param at integer
function Input:move(at)
  if at > self.at then
    self.after_cr = false
    self.at = at
  end
end

--- The failure that ended the input, once.
---@return string|nil
function Input:take_failure()
  local failure = self.failure
  self.failure = nil
  return failure
end

local M = {}

--- An input that has been looked into already may be handed on as well.
---@param read aitronos.Input|fun(): string|nil, string|nil the next bytes, as many as it likes; nil
---at the end, with a message where it is not the end but a failure, as `file:read` does it
---@param block? integer how many bytes to gather at once, 3 or more
---@return aitronos.Input
function M.new(read, block)
  if type(read) == "table" then
    return read
  end
  return setmetatable({
    read = read,
    block = block or BLOCK,
    data = "",
    at = 1,
    line = 1,
    ended = false,
    started = false,
    after_cr = false,
  }, Input)
end

return M
