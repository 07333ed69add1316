--- Text and data from elsewhere, made fit to show and to keep: bounded, well-formed, no HTML, and
--- without what would let its reader join an organization.

local byte, find, format, gsub = string.byte, string.find, string.format, string.gsub
local lower, sub, upper = string.lower, string.sub, string.upper
local ipairs, next, rawget, tostring, type = ipairs, next, rawget, tostring, type

local ELLIPSIS = "\226\128\166"
local NAME_BYTES = 128
local TEXT_BYTES = 1024
local DETAIL_VALUES = 10000
local DETAIL_DEPTH = 16

local M = {
  NAME_BYTES = NAME_BYTES,
  TEXT_BYTES = TEXT_BYTES,
}

--- At most limit bytes, cut between two characters.
local function clip(text, limit)
  if #text <= limit then
    return text
  end
  local last = limit - #ELLIPSIS
  for _ = 1, 3 do
    if find(text, "^[\128-\191]", last + 1) then
      last = last - 1
    end
  end
  return sub(text, 1, last) .. ELLIPSIS
end

local function hex(text)
  return (gsub(text, ".", function(char)
    return format("\\x%02X", byte(char))
  end))
end

-- The code point of exactly one well-formed sequence of more than one byte, else nil.
local function code_point(sequence)
  local a, b, c, d = byte(sequence, 1, 4)
  local point
  if #sequence == 2 and a >= 0xC2 and a <= 0xDF then
    return (a - 0xC0) * 0x40 + b - 0x80
  elseif #sequence == 3 and a >= 0xE0 and a <= 0xEF then
    point = (a - 0xE0) * 0x1000 + (b - 0x80) * 0x40 + c - 0x80
    return point >= 0x800 and (point < 0xD800 or point > 0xDFFF) and point or nil
  elseif #sequence == 4 and a >= 0xF0 and a <= 0xF4 then
    point = (a - 0xF0) * 0x40000 + (b - 0x80) * 0x1000 + (c - 0x80) * 0x40 + d - 0x80
    return point >= 0x10000 and point <= 0x10FFFF and point or nil
  end
end

-- C1 controls, separators of lines, and marks that change the direction of the text after them.
local function misleads(point)
  return point <= 0x9F or point == 0x61C or point == 0x200E or point == 0x200F
    or point >= 0x2028 and point <= 0x202E or point >= 0x2066 and point <= 0x2069
end

--- On one line, whatever it holds.
local function escape(text)
  if find(text, "^[\32-\126]*$") then
    return text
  end
  text = gsub(text, "[^\32-\126\128-\255]", function(char)
    return char == "\n" and "\\n" or hex(char)
  end)
  return (gsub(text, "[\128-\255][\128-\191]*", function(sequence)
    local point = code_point(sequence)
    return (not point or misleads(point)) and hex(sequence) or nil
  end))
end

local function any_case(word)
  return (gsub(word, "%a", function(letter)
    return "[" .. upper(letter) .. lower(letter) .. "]"
  end))
end

-- Who holds one of these can join, or be someone else. The names as keys, in lower case without
-- separators; and the names with what may stand between them and the value in running text.
local SECRETS = {
  invitationkey = true, invitationlink = true, emailkey = true,
  password = true, token = true, refreshtoken = true,
}
local SEPARATOR = "[%s\"'\\]*[:=][%s\"'\\]*"
local SECRETS_IN_TEXT = {
  any_case("invitation[_-]?key") .. SEPARATOR,
  any_case("invitation[_-]?link") .. SEPARATOR,
  any_case("email[_-]?key") .. SEPARATOR,
  any_case("password") .. SEPARATOR,
  any_case("invite") .. "=[\"'\\]*",
  any_case("invite") .. "%%3[Dd]",
}

local function is_secret(key)
  return type(key) == "string" and SECRETS[gsub(lower(key), "[_-]", "")] == true
end

-- A server's text made fit to keep, or nil if it is none.
local function clean(text, limit)
  if type(text) ~= "string" or not find(text, "%S") then
    return nil
  end
  text = clip(text, limit)
  if find(text, "<[!/]%a") or find(lower(text), "<html", 1, true) then
    return nil
  end
  for _, pattern in ipairs(SECRETS_IN_TEXT) do
    text = gsub(text, "(" .. pattern .. ")[^%s\"'&#,;}]+", "%1[redacted]")
  end
  return clip(text, limit)
end

local function number_text(number)
  return format("%.14g", number)
end

-- The length of a table that has the keys 1 to n and no others, else nil.
local function list_length(value)
  local keys = 0
  for _ in next, value do
    keys = keys + 1
  end
  for i = 1, keys do
    if rawget(value, i) == nil then
      return nil
    end
  end
  return keys > 0 and keys or nil
end

local REPEATS = { value = true, input = true }

-- Where the API says what is wrong with a field, it may repeat what was in it.
local function is_about_secret(value)
  return is_secret(rawget(value, "field")) or is_secret(rawget(value, "name"))
    or is_secret(rawget(value, "key"))
end

local plain

local function plain_table(value, budget, depth)
  local out, length = {}, list_length(value)
  if length then
    for i = 1, length do
      -- By appending: what is left out must not leave a hole.
      out[#out + 1] = plain(rawget(value, i), budget, depth)
    end
    return out
  end
  local hidden = is_about_secret(value)
  for key, item in next, value do
    local name = type(key) == "number" and number_text(key) or clean(key, NAME_BYTES)
    if name and not is_secret(key) and not (hidden and REPEATS[key]) then
      out[name] = plain(item, budget, depth)
    end
  end
  return out
end

-- A copy that any JSON encoder takes and that holds no secret; nil where there can be none.
-- The budget bounds what a table that holds itself can unfold to.
function plain(value, budget, depth)
  budget.left = budget.left - 1
  local kind = type(value)
  if budget.left < 0 then
    return nil
  elseif kind == "string" then
    return value == "" and value or clean(value, TEXT_BYTES)
  elseif kind == "boolean" then
    return value
  elseif kind == "number" then
    local finite = value == value and value ~= 1 / 0 and value ~= -1 / 0
    return finite and value or tostring(value)
  elseif kind == "table" and depth < DETAIL_DEPTH then
    return plain_table(value, budget, depth + 1)
  end
end

local function copy(value)
  return plain(value, { left = DETAIL_VALUES }, 0)
end

M.clip = clip
M.escape = escape
M.clean = clean
M.number = number_text
M.copy = copy

return M
