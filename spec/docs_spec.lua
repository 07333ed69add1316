--- Each block of code in the pages does what it says, beside a sandbox.
---
--- Blocks of Lua and of the shell are run, and so are texts that begin with `$`, in which each
--- command must print the lines that follow. A mark after a block says what it prints, or why it is
--- not run.

local docs = require "spec.support.docs"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local quote = shell.quote

local LUA = os.getenv("LUA_COMMAND") or "lua5.4"
local BLOCKS = docs.blocks()

-- With what differs from run to run taken out.
local function steady(text)
  return (text:gsub("(127%.0%.0%.1):%d+", "%1"):gsub("(%l+_)[%x-]*%d[%x-]*", "%1")
    :gsub("trace [%x-]+", "trace"):gsub("%d+-%d+-%d+T%d+:%d+:%d+Z", "")
    :gsub("[%d.]+ ms", "ms"))
end

-- Invitations that are under way together end in any order, and progress is told now and then.
local function sorted_lines(text)
  local lines = {}
  for line in steady(text):gmatch("[^\n]+") do
    lines[#lines + 1] = not line:find("^%d+/%d+, %d+ %%") and line or nil
  end
  table.sort(lines)
  return lines
end

local function is_transcript(block)
  return block.language == "text" and block.text:find("^%$ ") ~= nil
end

local function is_code(block)
  return block.language == "lua" or block.language == "sh" or is_transcript(block)
end

describe("beside a sandbox", function()
  local root = shell.output_of("pwd"):gsub("\n$", "")
  local server = sandbox.each()
  local folder

  before_each(function()
    server.reset()
    folder = shell.output_of("mktemp -d"):gsub("\n$", "")
    shell.run(("ln -s %s/examples %s/"):format(quote(root), quote(folder)))
    shell.run("mkdir " .. quote(folder .. "/.bin"))
    local programs = { lua = "", ["aitronos-invite"] = quote(root .. "/bin/aitronos-invite") }
    for name, script in pairs(programs) do
      local path = folder .. "/.bin/" .. name
      shell.write_file(path, ("#!/bin/sh\nexec %s %s \"$@\"\n"):format(quote(LUA), script))
      shell.run("chmod +x " .. quote(path))
    end
  end)

  after_each(function() shell.run("rm -rf " .. quote(folder)) end)

  -- What a program prints that is in a file of its own, and how it ends.
  local function run(program, text, streams)
    local path = folder .. "/.block"
    shell.write_file(path, (text:gsub("http://127%.0%.0%.1:8787", server.base_url)))
    return shell.output_of(("cd %s && env PATH=%s/.bin:\"$PATH\" FREDDY_API_KEY=sandbox_unlimited "
      .. "AITRONOS_BASE_URL=%s %s %s %s; echo \"exit $?\"")
      :format(quote(folder), quote(folder), server.base_url, program, quote(path), streams))
  end

  -- A library of others that a block needs, and this Lua does not have.
  local function lacking(block)
    local wanted = { posix = true, argparse = true }
    if not block.text:find("aitronos-invite", 1, true) then
      wanted = docs.collect({}, block.text, 'require "(%w+)"')
    end
    for name in pairs(wanted) do
      -- In a process of its own: old libraries set globals.
      if run(quote(LUA), ("require %q\n"):format(name), "2>&1") ~= "exit 0\n" then
        return name
      end
    end
  end

  -- The commands of a text, each with the lines that follow it.
  local function run_transcript(text)
    local commands = {}
    for line in text:gmatch("([^\n]*)\n") do
      local command = line:match("^%$ (.*)$")
      if command then
        commands[#commands + 1] = { text = command, prints = "" }
      else
        local last = commands[#commands]
        last.prints = last.prints .. line .. "\n"
      end
    end
    for _, command in ipairs(commands) do
      local printed = run("sh", command.text, "2>&1")
      assert.same(sorted_lines(command.prints .. "exit 0"), sorted_lines(printed), command.text)
    end
  end

  for _, block in ipairs(BLOCKS) do
    if is_code(block) and not block.not_run then
      it(block.name .. " does what it says", function()
        local lacks = lacking(block)
        if lacks then
          pending(lacks .. " is not there for this Lua")
        elseif block.language == "text" then
          run_transcript(block.text)
        else
          local program = block.language == "sh" and "sh -e" or quote(LUA)
          local printed = run(program, block.text, "2>&1")
          assert.truthy(printed:find("^" .. (block.prints or "") .. "\n?exit 0\n$"), printed)
        end
      end)
    end
  end

  it("the demo prints what the README shows", function()
    local shown = docs.read("README.md"):match("```text\n(.-)```")
    local printed = shell.output_of(("env AITRONOS_BASE_URL=%s examples/demo %s 2>&1")
      :format(server.base_url, quote(LUA)))
    assert.equal(steady(shown), steady(printed))
  end)
end)

describe("a block", function()
  it("of Lua loads", function()
    local load_text = rawget(_G, "loadstring") or load
    for _, block in ipairs(BLOCKS) do
      if block.language == "lua" then
        assert(load_text(block.text, "=" .. block.name))
      end
    end
  end)

  it("of Lua says what it prints, or why it is not run", function()
    local marked = 0
    for _, block in ipairs(BLOCKS) do
      if block.language == "lua" then
        assert.truthy(block.prints or block.not_run, block.name)
        marked = marked + 1
      end
    end
    assert.is_true(marked > 10)
  end)

  it("says of which language it is", function()
    for _, block in ipairs(BLOCKS) do
      assert.truthy(({ lua = true, sh = true, text = true })[block.language], block.name)
    end
  end)
end)

describe("a link", function()
  -- As they are made of headings: lower-case words with hyphens.
  local function anchors_of(path)
    local anchors = {}
    for heading in ("\n" .. docs.read(path)):gmatch("\n#+ ([^\n]+)") do
      anchors[heading:lower():gsub("[^%w%s-]", ""):gsub("%s", "-")] = true
    end
    return anchors
  end

  it("of a page leads to a file, and to a heading of it", function()
    local count = 0
    for _, page in ipairs(docs.pages()) do
      local base = page:match("^(.*/)") or ""
      for target in docs.read(page):gmatch("%]%(([^)]+)%)") do
        if not target:find("^https://") then
          local path, anchor = target:match("^([^#]*)#?(.*)$")
          path = path == "" and page or base .. path
          shell.run("test -e " .. quote(path))
          assert.is_true(anchor == "" or anchors_of(path)[anchor], page .. ": " .. target)
          count = count + 1
        end
      end
    end
    assert.is_true(count > 10)
  end)

  it("of the README leads to each page", function()
    local named = docs.collect({}, docs.read("README.md"), "%]%(([%w_./]+%.md)[#)]")
    named["README.md"] = true
    for _, page in ipairs(docs.pages()) do
      assert.is_true(named[page], page)
    end
  end)
end)
