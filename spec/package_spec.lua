--- The lists of files agree: what is in the tree, what the rockspec builds, what make installs. And
--- the version stands in one place.

local aitronos = require "aitronos"
local docs = require "spec.support.docs"
local shell = require "spec.support.shell"

local assert_same_names, quote = docs.assert_same_names, shell.quote

local ROCKSPEC = "rockspec/aitronos-scm-1.rockspec"

-- The lines that a command prints, each changed by the pattern.
local function lines_of(command, pattern, replacement)
  local set = {}
  for line in shell.output_of(command):gmatch("[^\n]+") do
    set[pattern and line:gsub(pattern, replacement) or line] = true
  end
  return set
end

-- What a rockspec sets, which is Lua without a global environment.
local function rockspec()
  local found = {}
  local text = docs.read(ROCKSPEC)
  local chunk
  if setfenv then -- luacheck: ignore
    chunk = setfenv(assert(loadstring(text)), found) -- luacheck: ignore
  else
    chunk = assert(load(text, ROCKSPEC, "t", found))
  end
  chunk()
  return found
end

local LUA_FILES = lines_of "find lua -name '*.lua' -not -path '*/meta/*'"

describe("the rockspec", function()
  local modules = rockspec().build.modules

  it("has each Lua file as the module that it is, and no other", function()
    local files = {}
    for name, path in pairs(modules) do
      if type(path) == "string" then
        assert.equal("lua/" .. name:gsub("%.", "/") .. ".lua", path)
        files[path] = true
      end
    end
    assert_same_names(LUA_FILES, files)
  end)

  it("compiles each C file", function()
    local files = {}
    for _, path in ipairs(modules["aitronos.core"].sources) do
      files[path] = true
    end
    assert_same_names(lines_of "find csrc -name '*.c'", files)
  end)

  it("has the command", function()
    assert.same({ "bin/aitronos-invite" }, rockspec().build.install.bin)
  end)
end)

describe("make install", function()
  local built
  for folder in package.cpath:gmatch("([^;]*)/%?%.so") do
    if not built and shell.read_file(folder .. "/aitronos/core.so") then
      built = folder
    end
  end
  local build, lua = built:match("^(.*)/([^/]+)$")

  -- As it was built, so that nothing is compiled here.
  it("has each Lua file, the module, the command and its pages", function()
    local root = shell.output_of("mktemp -d"):gsub("\n$", "")
    finally(function() shell.run("rm -rf " .. quote(root)) end)
    local sanitize = build:find("/asan$") and " SANITIZE=address,undefined" or ""
    shell.run(("make -s --old-file=build install LUA=%s BUILD=%s PAGES=%s DESTDIR=%s PREFIX=/p%s")
      :format(lua, quote(build), quote(root .. "/pages"), quote(root), sanitize))

    local version = lua == "luajit" and "5.1" or lua
    local expected = {
      ["lib/lua/" .. version .. "/aitronos/core.so"] = true,
      ["bin/aitronos-invite"] = true,
      ["share/man/man1/aitronos-invite.1"] = true,
      ["share/bash-completion/completions/aitronos-invite"] = true,
      ["share/zsh/site-functions/_aitronos-invite"] = true,
      ["share/fish/vendor_completions.d/aitronos-invite.fish"] = true,
    }
    for path in pairs(LUA_FILES) do
      expected["share/lua/" .. version .. path:sub(4)] = true
    end
    local find = "cd " .. quote(root .. "/p") .. " && find . -type f"
    assert_same_names(expected, lines_of(find, "^%./", ""))
  end)
end)

describe("the version", function()
  it("is that of the newest changes", function()
    assert.equal(aitronos._VERSION, docs.read("CHANGELOG.md"):match("\n## ([%d.]+)"))
  end)

  it("stands nowhere else", function()
    local version = aitronos._VERSION:gsub("%.", "%%.")
    local files = lines_of "find Makefile bin rockspec csrc lua -type f"
    for path in pairs(files) do
      if path ~= "lua/aitronos.lua" then
        assert.is_nil(docs.read(path):find("%f[%d.]" .. version .. "%f[^%d.]"), path)
      end
    end
  end)
end)
