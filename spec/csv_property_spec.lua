--- What must hold of any CSV, in random cases that are the same on each Lua.

local csv = require "aitronos.csv"
local input = require "aitronos.input"
local property = require "spec.support.property"

local CASES = 1500

local PIECES = {
  "a", "b", " ", "\195\169", "\226\130\172", ",", ";", "\t", '"', '""', "\r", "\n", "\r\n", "=",
  "\239\187\191", "'",
}

local function text_of(random, pieces, most)
  local out = {}
  for i = 1, random(0, most) do
    out[i] = pieces[random(1, #pieces)]
  end
  return table.concat(out)
end

-- The physical lines of a text, byte by byte.
local function lines_of(text)
  local lines, current, i = {}, {}, 1
  while i <= #text do
    local char = text:sub(i, i)
    if char == "\r" or char == "\n" then
      lines[#lines + 1] = table.concat(current)
      current = {}
      i = i + (text:sub(i, i + 1) == "\r\n" and 2 or 1)
    else
      current[#current + 1] = char
      i = i + 1
    end
  end
  lines[#lines + 1] = table.concat(current)
  return lines
end

-- In blocks so small that each chunk is an end for the reader to stumble upon.
local function read(text, options, chunk_seed)
  local chunks = property.chunks(text, property.random(chunk_seed))
  local out = {}
  for line, fields, fault in csv.reader(input.new(chunks, 3), options) do
    out[#out + 1] = { line = line, fields = fields, fault = fault }
  end
  return out
end

describe("csv.reader", function()
  -- ## What a writer of its own wrote

  local function written(case)
    local random = property.random(case.seed)
    local text, expected = case.mark and "\239\187\191" or "", {}
    local ends = { "\n", "\r\n", "\r" }
    for i, row in ipairs(case.rows) do
      local cells = {}
      for j, field in ipairs(row) do
        local quoted = random(0, 3) == 0 or field:find('[",;\t\r\n]') or field:find("^\239")
          or field == "" and #row == 1
        cells[j] = quoted and '"' .. field:gsub('"', '""') .. '"' or field
      end
      expected[i] = { line = #lines_of(text), fields = row }
      text = text .. table.concat(cells, case.delimiter)
      for _ = 1, random(i == #case.rows and 0 or 1, 2) do
        text = text .. ends[random(1, 3)]
      end
    end
    return text, expected
  end

  local function make_rows(random)
    local case = {
      rows = {},
      seed = random(1, 1000000),
      mark = random(0, 3) == 0,
      delimiter = ({ ",", ";", "\t" })[random(1, 3)],
    }
    local width = random(1, 4)
    for i = 1, random(1, 6) do
      case.rows[i] = {}
      for j = 1, width do
        case.rows[i][j] = text_of(random, PIECES, 5)
      end
    end
    case.tells = width == 1 or random(0, 1) == 0
    return case
  end

  local function smaller_texts(text)
    local out = {}
    for i = 1, #text do
      out[i] = text:sub(1, i - 1) .. text:sub(i + 1)
    end
    return out
  end

  local function smaller_rows(case)
    local out = {}
    local lists = property.smaller_lists(case.rows, function(row)
      return property.smaller_lists(row, smaller_texts)
    end)
    for _, rows in ipairs(lists) do
      local whole = true
      for _, row in ipairs(rows) do
        whole = whole and #row == #rows[1] and #row > 0 and (#row > 1 or case.tells)
      end
      if whole then
        out[#out + 1] = {
          rows = rows, seed = case.seed, mark = case.mark, delimiter = case.delimiter,
          tells = case.tells,
        }
      end
    end
    return out
  end

  it("gives back the rows that were written, with their lines #bulk", function()
    property.check {
      cases = CASES,
      make = make_rows,
      smaller = smaller_rows,
      show = function(case)
        return ("%q"):format((written(case)))
      end,
      holds = function(case)
        local text, expected = written(case)
        local options = case.tells and { delimiter = case.delimiter } or nil
        assert.same(expected, read(text, options, case.seed))
      end,
    }
  end)

  -- ## Anything

  local ANYTHING = {
    "a", " ", ",", ",", ";", "\t", '"', '"', '"', "\r", "\n", "\n", "\r\n", "\0", "\255", "\239",
    "\187\191", "<b>", '\n"', '",',
  }

  local function last_line(record)
    local named = record.fault and tonumber(record.fault:match("lines %d+ to (%d+) were not read"))
    if named or record.fault then
      return named or record.line
    end
    local last = record.line
    for _, field in ipairs(record.fields) do
      last = last + #lines_of(field) - 1
    end
    return last
  end

  local function assert_accounted(case)
    local records = read(case.text, case.options, case.seed)
    local next_line = 1
    local lines = lines_of((case.text:gsub("^\239\187\191", "")))
    for _, record in ipairs(records) do
      for line = next_line, record.line - 1 do
        assert(lines[line] == "", "line " .. line .. " was passed over")
      end
      assert(record.line >= next_line, "line " .. record.line .. " was read twice")
      next_line = last_line(record) + 1
    end
    for line = next_line, #lines do
      assert(lines[line] == "", "line " .. line .. " was not reached")
    end
    return records
  end

  it("loses no line of whatever it is given, and reads the same in any chunks #bulk", function()
    property.check {
      cases = 2 * CASES,
      make = function(random)
        return {
          text = text_of(random, ANYTHING, 30),
          seed = random(1, 1000000),
          options = random(0, 1) == 0 and { mailboxes = true } or nil,
        }
      end,
      smaller = function(case)
        local out = {}
        for i, text in ipairs(smaller_texts(case.text)) do
          out[i] = { text = text, seed = case.seed, options = case.options }
        end
        return out
      end,
      show = function(case)
        return ("%q"):format(case.text)
      end,
      holds = function(case)
        assert.same(assert_accounted(case), read(case.text, case.options, case.seed + 1))
      end,
    }
  end)
end)
