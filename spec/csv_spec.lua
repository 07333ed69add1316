local csv = require "aitronos.csv"

local KIB = ("x"):rep(1024)

-- All at once, or in chunks of `size`.
local function from(text, size)
  local at = 1
  return function()
    if at > #text then
      return nil
    end
    at = at + (size or #text)
    return text:sub(at - (size or #text), at - 1)
  end
end

-- Each record as { line, field, … }, each fault as "line: fault".
local function read(text, options, size)
  local out = {}
  for line, fields, fault in csv.reader(from(text, size), options) do
    out[#out + 1] = fields and { line } or line .. ": " .. fault
    for _, field in ipairs(fields or {}) do
      table.insert(out[#out], field)
    end
  end
  return out
end

describe("csv.reader", function()
  it("reads quotes, doubled quotes, and delimiters and line ends within quotes", function()
    assert.same({ { 1, "a,b", 'say "hi"', "x\r\ny" }, { 3, "", "" } },
      read('"a,b","say ""hi""","x\r\ny"\n"",\n'))
  end)

  it("takes CRLF, LF and CR as the end of one line each, and skips empty lines", function()
    assert.same({ { 1, "a" }, { 2, "b" }, { 3, "c" }, { 6, "d" }, { 8, "e" } },
      read("a\r\nb\rc\n\r\n\nd\r\re"))
  end)

  it("keeps what is blank but not empty", function()
    assert.same({ { 1, " " }, { 2, "" }, { 3, "", "" } }, read(' \n""\n,\n', { delimiter = "," }))
  end)

  it("drops a byte order mark, also one in pieces and before a quote", function()
    assert.same({ { 1, "a", "b" } }, read('\239\187\191"a",b', nil, 1))
    assert.same({}, read("\239\187\191"))
  end)

  it("has nothing to say of an empty input", function()
    assert.same({}, read(""))
    assert.same({}, read("\n\r\n\r"))
  end)

  it("finds the delimiter in the first record, outside quotes", function()
    assert.same({ { 1, "a", "b,c" } }, read("a;b,c", { delimiter = ";" }))
    assert.same({ { 1, "a,b,c", "d" }, { 2, "e,f", "g" } }, read('"a,b,c";d\ne,f;g'))
    assert.same({ { 1, "a\n;;", "b" } }, read('"a\n;;"\tb'))
    assert.same({ { 1, "a" }, { 2, "b", "c;d" } }, read("a\nb,c;d"))
  end)

  it("finds it also where the first record is longer than what is read at once", function()
    local long = KIB:rep(20)
    assert.same({ { 1, long .. ",\n,", long, "c" } }, read('"' .. long .. ',\n,";' .. long .. ";c",
      nil, 1000))
  end)

  it("takes what mail programs write for one field, if told to", function()
    local options = { mailboxes = true }
    assert.same({ { 1, '"Doe, Jane" <j@x>', "b" }, { 2, '"a""b"  <c>' } },
      read('"Doe, Jane" <j@x>,b\n"a""b"  <c>', options))
    assert.same({ { 1, '"Doe" <j@x>', "b" } }, read('"Doe" <j@x>\tb', options))
    assert.same({ "1: has text between a closing quote and the next column", { 2, "c" } },
      read('"a" <b\nc', options))
    assert.same({ "1: has text between a closing quote and the next column" },
      read('"Doe, Jane" <j@x>'))
  end)

  it("tells of malformed records, and reads those after them", function()
    assert.same({
      "1: has a quote within a column that does not begin with one",
      { 2, "b" },
      "3: has text between a closing quote and the next column",
      { 4, "c" },
      "5: holds a NUL byte",
      { 6, "d" },
    }, read('a"a"\nb\n"a"a\nc\na\0a\nd'))
  end)

  it("names all lines of a malformed record, and the line of what is wrong", function()
    assert.same({
      { 1, "a" },
      "2: has text between a closing quote and the next column, in line 3; "
        .. "lines 2 to 3 were not read",
      { 4, "d" },
      "5: holds a NUL byte, in line 6; lines 5 to 7 were not read",
    }, read('a\n"b\nb"c\nd\n"e\n\0\nf"'))
  end)

  it("tells where a quote opens that is never closed", function()
    assert.same({ { 1, "a" }, "2: has a quote that is never closed; lines 2 to 4 were not read" },
      read('a\n"b\nc\nd\n'))
    assert.same({ '1: has a quote that is never closed, in line 2; lines 1 to 3 were not read' },
      read('"a\nb",x,"c\nd'))
    assert.same({ "1: has a quote that is never closed" }, read('"'))
  end)

  it("takes a record of a MiB, and no longer one #bulk", function()
    local mib = KIB:rep(1024)
    for _, size in ipairs { 65536, 4 * #mib } do
      local found = read(mib .. "\nb\n" .. mib .. 'x"\nc\n"' .. mib .. '\n"\nd', nil, size)
      assert.equal(mib, found[1][2])
      assert.same({ 2, "b" }, found[2])
      local fault = ": is longer than 1048576 bytes, or a quote in it is never closed"
      -- Whether that quote opens anything can't be told any more.
      assert.same({ "3" .. fault .. "; lines 3 to 5 were not read" }, { found[3] })
    end
    local found = read(mib .. 'x\nc\n"' .. mib .. '\n"\nd', nil, 65536)
    assert.same({ 2, "c" }, found[2])
    assert.truthy(found[3]:find("^3: .*; lines 3 to 4 were not read$"))
    assert.same({ 5, "d" }, found[4])
  end)

  it("keeps no more than that of an input without an end #bulk", function()
    for _, first in ipairs { "x", '"' } do
      local left, most = 16 * 1024, 0
      local next_record = csv.reader(function()
        left = left - 1
        if left % 2048 == 0 then
          collectgarbage()
          most = math.max(most, collectgarbage("count"))
        end
        return left > 0 and (left == 16 * 1024 - 1 and first or KIB) or nil
      end)
      local before = collectgarbage("count")
      local line, fields, fault = next_record()
      assert.same({ 1, nil }, { line, fields })
      assert.truthy(fault:find("longer", 1, true))
      assert.is_nil(next_record())
      assert.is_true(most - before < 8 * 1024, most - before .. " KiB")
    end
  end)

  it("says that an input is UTF-16", function()
    assert.same({ "1: the input is UTF-16: save it as UTF-8" }, read("\255\254a\0\n\0"))
    assert.same({ "1: the input is UTF-16: save it as UTF-8" }, read("\254\255\0a\0\n"))
  end)

  it("takes a failure to read for no end, once", function()
    local chunks = { "a,b\nc", ",d" }
    local next_record = csv.reader(function()
      if chunks[1] then
        return table.remove(chunks, 1)
      end
      return nil, "Is a directory"
    end)
    assert.same({ 1, { "a", "b" } }, { next_record() })
    local line, fields, fault = next_record()
    assert.same({ 2, nil, "the input could not be read to its end: Is a directory" },
      { line, fields, fault })
    assert.is_nil(next_record())
  end)

  it("tells of a failure also where no record is begun", function()
    local line, fields, fault = csv.reader(function()
      return nil, "no"
    end)()
    assert.same({ 1, nil, "the input could not be read to its end: no" }, { line, fields, fault })
  end)
end)

describe("csv.line", function()
  it("quotes what a reader could misread, whatever its delimiter", function()
    assert.equal('a b,"a,b","a;b","a\tb","say ""hi""","a\nb","a\rb",\n',
      csv.line { "a b", "a,b", "a;b", "a\tb", 'say "hi"', "a\nb", "a\rb", "" })
    assert.equal('""\n', csv.line { "" })
    assert.equal('"\239\187\191a"\n', csv.line { "\239\187\191a" })
  end)

  it("writes numbers and booleans", function()
    assert.equal("1,true,-2\n", csv.line({ 1, true, -2 }, { spreadsheet = true }))
  end)

  it("defuses formulas for spreadsheets, and only there", function()
    for _, value in ipairs { "=1+1", "+1", "-1", "@x", " =x", "\239\188\157x" } do
      assert.equal(value .. "\n", csv.line { value })
      assert.equal("'" .. value .. "\n", csv.line({ value }, { spreadsheet = true }))
    end
    assert.equal('"\'\t\'=x"\n', csv.line({ "\t=x" }, { spreadsheet = true }))
    assert.equal('"\'\rx"\n', csv.line({ "\rx" }, { spreadsheet = true }))
    assert.equal('"a; \'=x"\n', csv.line({ "a; =x" }, { spreadsheet = true }))
    assert.equal('"a;""\'=x"""\n', csv.line({ 'a;"=x"' }, { spreadsheet = true }))
    assert.equal("a=b-c\n", csv.line({ "a=b-c" }, { spreadsheet = true }))
  end)

  it("is read back as it was", function()
    local rows = { { 1, "\239\187\191a", "=b", '"' }, { 2, "", "", "\r\n;" }, { 4, " ", "c", "d" } }
    local text = ""
    for _, row in ipairs(rows) do
      text = text .. csv.line { row[2], row[3], row[4] }
    end
    assert.same(rows, read(text))
  end)
end)
