--- The pages for readers: their tables, and their blocks of code.

local shell = require "spec.support.shell"

local docs = {}

function docs.read(path)
  return assert(shell.read_file(path), path)
end

--- README.md and the like, and what is in doc/.
---@return string[]
function docs.pages()
  local pages = {}
  for path in shell.output_of("ls *.md doc/*.md"):gmatch("[^\n]+") do
    pages[#pages + 1] = path
  end
  assert(#pages > 10, "pages are missing")
  return pages
end

--- What stands between two markers of a page.
---@return string
function docs.section(path, name)
  local pattern = "<!%-%- begin " .. name .. " %-%->\n(.-)<!%-%- end " .. name .. " "
  return assert(docs.read(path):match(pattern), path .. " has no section " .. name)
end

--- The rows of a table below its head, as lists of cells.
---@return string[][]
function docs.rows(text)
  local found = {}
  for line in text:gmatch("|[^\n]*") do
    local cells = {}
    for cell in line:gmatch("|%s*([^|]*)") do
      cells[#cells + 1] = cell:match("^(.-)%s*$")
    end
    found[#found + 1] = cells
  end
  assert(#found > 2, "an empty table")
  table.remove(found, 1)
  table.remove(found, 1)
  return found
end

--- Adds the pattern's captures to a set.
function docs.collect(set, text, pattern)
  for name in text:gmatch(pattern) do
    set[name] = true
  end
  return set
end

--- What is named in the first cells of a table.
function docs.first_names(path, name)
  local set = {}
  for _, cells in ipairs(docs.rows(docs.section(path, name))) do
    docs.collect(set, cells[1], "`([%w_]+)`")
  end
  return set
end

--- The sets have the same names, or a message says which only one has.
function docs.assert_same_names(expected, actual)
  local wrong = {}
  for name in pairs(expected) do
    wrong[#wrong + 1] = not actual[name] and name .. " is missing" or nil
  end
  for name in pairs(actual) do
    wrong[#wrong + 1] = not expected[name] and name .. " is too much" or nil
  end
  assert(next(expected), "nothing to compare")
  if wrong[1] then
    table.sort(wrong)
    error(table.concat(wrong, ", "), 2)
  end
end

--- The fields of a class in a file with types, private ones left out.
---@return table<string, "optional"|"required">
function docs.fields_of(path, class)
  local fields, inside = {}, false
  for line in docs.read(path):gmatch("([^\n]*)\n") do
    local begins = line:match("^%-%-%-@class ([%w_.]+)")
    if begins then
      inside = begins == class
    elseif not line:find("^%-%-%-") then
      inside = false
    end
    local name, optional = line:match("^%-%-%-@field ([%w_]+)(%??)")
    if inside and name and name ~= "private" then
      fields[name] = optional == "?" and "optional" or "required"
    end
  end
  assert(next(fields), path .. " has no class " .. class)
  return fields
end

---@class spec.Block
---@field name string page and line
---@field language string what stands after the fence
---@field text string
---@field prints? string a pattern, from the mark after the block
---@field not_run? string the reason, from that mark

--- The blocks of code of all pages.
---@return spec.Block[]
function docs.blocks()
  local blocks = {}
  for _, path in ipairs(docs.pages()) do
    local block, number = nil, 0
    for line in docs.read(path):gmatch("([^\n]*)\n") do
      number = number + 1
      local fence = line:match("^```(.*)$")
      if fence and not (block and block.open) then
        block = { name = path .. ":" .. number, language = fence, text = "", open = true }
        blocks[#blocks + 1] = block
      elseif fence then
        block.open = false
      elseif block and block.open then
        block.text = block.text .. line .. "\n"
      elseif block then
        block.prints = line:match("^<!%-%- prints: (.-) %-%->$")
        block.not_run = line:match("^<!%-%- not run: (.-) %-%->$")
        block = nil
      end
    end
    assert(not (block and block.open), path .. " ends within a block")
  end
  return blocks
end

return docs
