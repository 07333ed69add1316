--- CSV as RFC 4180 has it, and as programs write it: any line end, a byte order mark, semicolons or
--- tabs. What is malformed is told, and never guessed at.

local input = require "aitronos.input"

local byte, find, format, gsub = string.byte, string.find, string.format, string.gsub
local match, sub = string.match, string.sub
local concat = table.concat
local ipairs, tostring, type = ipairs, tostring, type

local M = {}

local RECORD_BYTES = 1048576
local QUOTE, CR, LF = 34, 13, 10

-- In the order of preference where the first record has as many of one as of another.
local DELIMITERS = { ",", ";", "\t" }

local UNCLOSED = "has a quote that is never closed"
local TEXT_AFTER = "has text between a closing quote and the next column"
local QUOTE_WITHIN = "has a quote within a column that does not begin with one"
local HAS_NUL = "holds a NUL byte"
local TOO_LONG = format("is longer than %d bytes, or a quote in it is never closed", RECORD_BYTES)

-- ## Reading

-- What the first record has most of outside quotes, however much of the input has been read.
local function guess_delimiter(source)
  local head
  repeat
    local text = gsub(sub(source.data, source.at, source.at + RECORD_BYTES), '"[^"]*"', "")
    head = match(text, '^([^"\r\n]*)[\r\n]')
    if not head and (source.ended or #source.data - source.at >= RECORD_BYTES) then
      head = match(text, '^[^"\r\n]*')
    elseif not head then
      source:fill()
    end
  until head
  local best, most = DELIMITERS[1], 0
  for _, delimiter in ipairs(DELIMITERS) do
    local _, count = gsub(head, delimiter, "")
    if count > most then
      best, most = delimiter, count
    end
  end
  return best
end

local function split(text, delimiter)
  local fields, count, from = {}, 1, 1
  local at = find(text, delimiter, 1, true)
  while at do
    fields[count] = sub(text, from, at - 1)
    count, from = count + 1, at + 1
    at = find(text, delimiter, from, true)
  end
  fields[count] = sub(text, from)
  return fields
end

-- Where the quote is closed that is opened at `from`; nil where that has not been read yet. A quote
-- at the end of `data` may still turn out to be half of a doubled one.
local function closing_quote(data, from)
  local at = find(data, '"', from + 1, true)
  while at do
    if byte(data, at + 1) ~= QUOTE then
      return at
    end
    at = find(data, '"', at + 2, true)
  end
end

-- The line end that the malformed record ends with; nil where it has not been read yet.
local function malformed(source, from, fault, place)
  local stop = find(source.data, "[\r\n]", from)
  return nil, stop or source.ended and #source.data + 1 or nil, fault, place
end

-- For a record with quotes: its fields, and where its line end is, nil where more must be read
-- first. Where it is malformed: nil, the same, what is wrong, and where.
local function split_quoted(source, settings)
  local data, at = source.data, source.at
  local size, fields = #data, {}
  while true do
    local stop, field
    if byte(data, at) == QUOTE then
      local close = closing_quote(data, at)
      if not close then
        return malformed(source, size + 1, UNCLOSED, at)
      end
      field, stop = gsub(sub(data, at + 1, close - 1), '""', '"'), close + 1
      local _, past = find(data, '^ *<[^<>"\r\n]*> *', stop)
      if past and settings.mailboxes then
        field, stop = sub(data, at, past), past + 1
      end
    else
      stop = find(data, settings.stops, at) or size + 1
      field = sub(data, at, stop - 1)
    end

    fields[#fields + 1] = field
    local follows = byte(data, stop)
    if follows == CR or follows == LF or not follows and source.ended then
      return fields, stop
    elseif not follows then
      return fields, nil
    elseif follows == settings.delimiter_byte then
      at = stop + 1
    else
      local is_within = follows == QUOTE and byte(data, at) ~= QUOTE
      return malformed(source, stop, is_within and QUOTE_WITHIN or TEXT_AFTER, stop)
    end
  end
end

local function count_line_ends(text)
  local _, lf = gsub(text, "\n", "")
  local _, cr = gsub(text, "\r", "")
  local _, both = gsub(text, "\r\n", "")
  return lf + cr - both
end

-- Quotes in pairs: how a record ends is known without looking back, so nothing of it is kept.
local function skip_record(source)
  local quoted = false
  while source:has_more() do
    local at = find(source.data, '["\r\n]', source.at)
    source:move(at or #source.data + 1)
    local found = at and byte(source.data, at)
    if found == QUOTE then
      quoted = not quoted
      source:move(at + 1)
    elseif found and quoted then
      source:pass_line_end(found)
    elseif found then
      return
    end
  end
end

local function described(fault, line, place, last)
  if place > line then
    fault = fault .. ", in line " .. place
  end
  if last > line then
    fault = fault .. format("; lines %d to %d were not read", line, last)
  end
  return fault
end

-- Moves to the line end of a record of more than one line, which has been read.
local function pass(source, stop, fault, place)
  local line, at = source.line, source.at
  local text = sub(source.data, at, stop - 1)
  source.line = line + count_line_ends(text)
  source:move(stop)
  -- Where the input ends within quotes, its last line end is among them and begins no further line.
  local last = line + count_line_ends(gsub(text, "\r?\n$", ""))
  return fault and described(fault, line, line + count_line_ends(sub(text, 1, place - at)), last)
end

local function next_record(source, settings)
  local line, fields, fault, place = source.line, nil, nil, nil
  repeat
    local data, at = source.data, source.at
    local stop = find(data, '["\r\n]', at)
    local is_plain = not stop or byte(data, stop) ~= QUOTE
    if not is_plain then
      fields, stop, fault, place = split_quoted(source, settings)
    elseif not stop and source.ended then
      stop = #data + 1
    end
    if (stop or #data + 1) - at > RECORD_BYTES then
      skip_record(source)
      return line, nil, described(TOO_LONG, line, line, source.line)
    end

    if not stop then
      source:fill()
    elseif stop > #data and source.failure then
      source:move(stop)
      return line, nil, source:take_failure()
    else
      local text = sub(data, at, stop - 1)
      local nul = not fault and find(text, "\0", 1, true)
      if nul then
        fields, fault, place = nil, HAS_NUL, at + nul - 1
      elseif is_plain then
        source:move(stop)
        return line, split(text, settings.delimiter)
      end
      return line, fields, pass(source, stop, fault, place)
    end
  until false
end

---@class aitronos.CsvReading
---@field delimiter? ","|";"|"\t" found in the first record where it is not given
---@field mailboxes? boolean `"Doe, Jane" <jane@example.com>` is one field, quotes and all

--- Reads records one by one. Empty lines are skipped; a byte order mark is dropped. Malformed are a
--- quote that is out of place or never closed, a NUL byte, and more than a MiB: such a record is a
--- fault, and those after it are read.
---
---     for line, fields, fault in csv.reader(function() return file:read(65536) end) do
---       print(line, fields and fields[1] or fault)
---     end
---
---@param read aitronos.Input|fun(): string|nil, string|nil chunks, as `input.new` takes them
---@param options? aitronos.CsvReading
---@return fun(): integer|nil, string[]|nil, string|nil next the line where the record begins, its
---fields, or nil and what is wrong with it; nil at the end
function M.reader(read, options)
  local source = input.new(read)
  local settings = { mailboxes = options and options.mailboxes }

  local function start(delimiter)
    settings.delimiter = delimiter
    settings.delimiter_byte = byte(delimiter)
    settings.stops = '["\r\n' .. delimiter .. "]"
  end
  if options and options.delimiter then
    start(options.delimiter)
  end

  return function()
    while source:has_more() do
      local first = byte(source.data, source.at)
      if first == LF or first == CR then
        source:pass_line_end(first)
      else
        if not settings.delimiter then
          start(guess_delimiter(source))
        end
        return next_record(source, settings)
      end
    end
    local failure = source:take_failure()
    if failure then
      return source.line, nil, failure
    end
  end
end

-- ## Writing

local function defused_run(run)
  return find(run, "[=+@-]$") and sub(run, 1, -2) .. "'" .. sub(run, -1) or run
end

-- A spreadsheet takes for a formula what begins like one, also after blanks and in full-width
-- characters; and where it splits lines at semicolons, a value of ours may become several.
local function defused(value)
  value = gsub(value, '[;\t\r\n][ \t\r\n"]*[=+@-]?', defused_run)
  if find(value, "^ *[=+@\t\r\n-]") or find(value, "^ *\239\188[\139\141\157\160]") then
    return "'" .. value
  end
  return value
end

-- What nobody could take for anything else, as most fields are.
local PLAIN = "^[a-z0-9A-Z][a-z0-9A-Z @:._+/-]*$"

local function written(value, spreadsheet)
  if value == "" or find(value, PLAIN) then
    return value
  end
  if spreadsheet then
    value = defused(value)
  end
  -- Also what other delimiters are made of: a reader may be looking for one.
  if find(value, '[",;\t\r\n]') or find(value, "^\239\187\191") then
    value = '"' .. gsub(value, '"', '""') .. '"'
  end
  return value
end

---@class aitronos.CsvWriting
---@field spreadsheet? boolean for people: what a spreadsheet would run as a formula gets a ' before
---it. Leave it out for what is to be read again, since reading does not take that off.

--- One record with its line end, comma between fields, quotes where a reader may need them.
---
---     file:write(csv.line({ "line", "address" }))
---
---@param fields (string|number|boolean)[]
---@param options? aitronos.CsvWriting
---@return string
function M.line(fields, options)
  local spreadsheet = options and options.spreadsheet
  local out = {}
  for i, value in ipairs(fields) do
    out[i] = type(value) == "string" and written(value, spreadsheet) or tostring(value)
  end
  if #out == 1 and out[1] == "" then
    return '""\n'
  end
  return concat(out, ",") .. "\n"
end

return M
