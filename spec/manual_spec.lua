--- Help, man page and completions name every option of the table, and none more.

local arguments = require "aitronos.cli.arguments"
local completion = require "aitronos.cli.completion"
local manual = require "aitronos.cli.manual"
local quote = require("spec.support.shell").quote
local usage = require "aitronos.cli.usage"

local HELP = arguments.parse({ "--help" }).text
local PAGE = manual.text("1.2.3")

-- Sorted and each once.
local function names_in(text, pattern)
  local seen, names = {}, {}
  for name in text:gmatch(pattern) do
    if not seen[name] then
      seen[name] = true
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

local EXPECTED = {}
for i, option in ipairs(usage.OPTIONS) do
  EXPECTED[i] = option.name:sub(3)
end
table.sort(EXPECTED)

describe("every option and none more is", function()
  it("in the help", function()
    assert.same(EXPECTED, names_in(HELP, "\n   [-h, ]*%-%-([%l-]+)"))
    assert.same(EXPECTED, names_in(HELP, "%-%-(%l[%l-]*)"))
  end)

  it("in the man page", function()
    assert.same(EXPECTED, names_in(PAGE, "\n%.It [Fl h,]*Fl Fl ([%l-]+)"))
  end)

  it("in the completions", function()
    assert.same(EXPECTED, names_in(completion.bash(), "%-%-([%l][%l-]*)"))
    assert.same(EXPECTED, names_in(completion.zsh(), "\n  [^\n[]*%-%-([%l][%l-]*)"))
    assert.same(EXPECTED, names_in(completion.fish(), " %-l ([%l-]+)"))
  end)

  it("in a group, and what it says ends as a sentence does", function()
    local groups = {}
    for _, name in ipairs(usage.GROUPS) do
      groups[name] = true
    end
    for _, option in ipairs(usage.OPTIONS) do
      assert.is_true(groups[option.group], option.name)
      assert.truthy(option.help:find("%.$"), option.name)
      assert.equal(option.kind == "flag", option.argument == nil, option.name)
    end
  end)
end)

it("help and man page name exit codes and environment", function()
  for _, exit in ipairs(usage.EXITS) do
    assert.truthy(HELP:find("\n   " .. exit.code .. " +" .. exit.help:sub(1, 10)), exit.name)
    assert.truthy(PAGE:find("\n.It " .. exit.code .. "\n", 1, true), exit.name)
  end
  for _, variable in ipairs(usage.ENVIRONMENT) do
    assert.truthy(HELP:find("\n   " .. variable.name .. " ", 1, true))
    assert.truthy(PAGE:find("\n.It Ev " .. variable.name .. "\n", 1, true))
  end
end)

it("no line of the help is wider than a terminal", function()
  for line in HELP:gmatch("[^\n]+") do
    assert.is_true(#line <= 80, line)
  end
end)

it("the man page tells the version and copies options as they are typed", function()
  assert.truthy(PAGE:find("\n.Os aitronos 1.2.3\n", 1, true))
  for line in PAGE:gmatch("[^\n]+") do
    assert.is_nil(line:find("%-%-"), line)
  end
end)

it("the man page's examples are commands that the parser takes", function()
  for _, example in ipairs(usage.EXAMPLES) do
    local given = {}
    for argument in example.command:gmatch("%S+") do
      given[#given + 1] = argument
    end
    assert(arguments.parse(given))
  end
end)

describe("in bash", function()
  -- What is offered at the end of a line of words, of which the last is being typed.
  local function offered(...)
    local words = { "aitronos-invite", ... }
    local quoted = {}
    for i, word in ipairs(words) do
      quoted[i] = quote(word)
    end
    local script = completion.bash() .. ([[
compopt() { echo "compopt $*"; }
COMP_WORDS=(%s)
COMP_CWORD=%d
_aitronos_invite aitronos-invite %s %s
echo "${COMPREPLY[*]}"
]]):format(table.concat(quoted, " "), #words - 1, quoted[#words], quoted[#words - 1])
    local pipe = assert(io.popen("bash -c " .. quote(script) .. " 2>&1"))
    local text = pipe:read("*a")
    pipe:close()
    return (text:gsub("\n$", ""))
  end

  it("options are completed", function()
    assert.equal("--no-send --no-journal", offered("--no"))
    assert.equal("--dry-run", offered("--org", "x", "--dr"))
  end)

  it("choices are, also after =", function()
    assert.equal("csv jsonl", offered("--format", ""))
    assert.equal("jsonl", offered("--format", "j"))
    assert.equal("csv jsonl", offered("--format", "="))
    assert.equal("jsonl", offered("--format", "=", "j"))
    assert.equal("skip fail", offered("--existing", ""))
  end)

  it("files are where a file is meant, and nowhere else", function()
    for _, option in ipairs(usage.OPTIONS) do
      if option.argument and not option.choices then
        local expected = option.kind == "file" and "compopt -o default\n" or ""
        assert.equal(expected, offered(option.name, ""), option.name)
        assert.equal(expected, offered(option.name, "=", "x"), option.name)
      end
    end
    assert.equal("", offered(""))
  end)

  it("nothing is after --", function()
    assert.equal("", offered("--", "--no"))
  end)
end)
