--- Help, man page and completions name every option of the table, and none more.

local arguments = require "aitronos.cli.arguments"
local completion = require "aitronos.cli.completion"
local manual = require "aitronos.cli.manual"
local quote = require("spec.support.shell").quote
local usage = require "aitronos.cli.usage"

-- By the command, of which the first needs no name.
local HELPS = {}
for i, action in ipairs(usage.ACTIONS) do
  HELPS[action.name] = arguments.parse(i == 1 and { "--help" } or { action.name, "--help" }).text
end
local HELP = HELPS.invite
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

-- The names of those options that an action takes, or of all.
local function options_of(action)
  local names = {}
  for _, option in ipairs(usage.OPTIONS) do
    if not action or usage.takes(option, action) then
      names[#names + 1] = option.name:sub(3)
    end
  end
  table.sort(names)
  return names
end

local EXPECTED = options_of()

describe("every option and none more is", function()
  it("in the help of each command that takes it", function()
    for action, help in pairs(HELPS) do
      assert.same(options_of(action), names_in(help, "\n   [-h, ]*%-%-([%l-]+)"))
    end
  end)

  it("in the man page", function()
    assert.same(EXPECTED, names_in(PAGE, "\n%.It [Fl h,]*Fl Fl ([%l-]+)"))
  end)

  it("in the completions", function()
    assert.same(EXPECTED, names_in(completion.bash(), "%-%-([%l][%l-]*)"))
    assert.same(EXPECTED, names_in(completion.zsh(), "\n  [^\n[]*%-%-(%l[%l-]*)"))
    assert.same(EXPECTED, names_in(completion.fish(), "\ncomplete [^\n]- %-l ([%l-]+)"))
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

it("the help names the other commands, and each page says how all are called", function()
  for _, action in ipairs(usage.named_actions()) do
    assert.truthy(HELP:find("\n   " .. action.name .. " +" .. action.help:sub(1, 10)), action.name)
    assert.truthy(HELPS[action.name]:find("^Usage: aitronos%-invite " .. action.name .. " "))
    assert.truthy(PAGE:find("\n.Nm\n.Cm " .. action.name .. "\n", 1, true), action.name)
    assert.truthy(PAGE:find("\n.It Cm " .. action.name .. "\n", 1, true), action.name)
  end
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
  for _, help in pairs(HELPS) do
    for line in help:gmatch("[^\n]+") do
      assert.is_true(#line <= 80, line)
    end
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
  end)

  it("commands are, as long as none is there, and an address only the user knows", function()
    assert.equal("status resend roles", offered(""))
    assert.equal("resend", offered("--org", "x", "res"))
    assert.equal("status resend roles", offered("--org", "status", "--rate", "=", "5", ""))
    assert.equal("", offered("status", ""))
    assert.equal("", offered("ann@example.com", ""))
  end)

  it("each command's own options are", function()
    for _, action in ipairs(usage.named_actions()) do
      local names = names_in(offered(action.name, "--"), "%-%-([%l-]+)")
      assert.same(options_of(action.name), names)
    end
    assert.equal("--role --role-name", offered("--rol"))
    assert.equal("", offered("status", "--org", "x", "--rol"))
    assert.equal("--role --role-name", offered("--file", "status", "--rol"))
  end)

  it("nothing is after --", function()
    assert.equal("", offered("--", "--no"))
  end)
end)
