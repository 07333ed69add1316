--- What zsh and fish complete, where they are there. Of bash, see manual_spec.lua.

local completion = require "aitronos.cli.completion"
local shell = require "spec.support.shell"

local quote = shell.quote

-- What stands at a line's end, and what becomes of it.
local COMPLETED = {
  { "--dr", "--dry-run" }, { "--org x sta", "status" }, { "--format js", "jsonl" },
  { "ann@example.com --js", "--json" },
  { "status --js", "--json" }, { "status --print-c", "--print-c" },
  { "--quiet status --print-c", "--print-c" },
  { "--file status --print-c", "--print-curl" }, { "--file=status --print-c", "--print-curl" },
  { "--file status rol", "roles" },
}

local LINES, EXPECTED = {}, {}
for i, pair in ipairs(COMPLETED) do
  LINES[i], EXPECTED[i] = quote("aitronos-invite " .. pair[1]), pair[2]
end

-- The last word of each line that comes of a script which gets LINES as its arguments.
local function last_words(command, script)
  local words = {}
  local text = shell.output_of(("%s -c %s %s 2>&1"):format(command, quote(script),
    table.concat(LINES, " ")))
  for line in text:gmatch("[^\n]+") do
    words[#words + 1] = line:match("(%S+)%s*$")
  end
  return words
end

-- Declares a spec that is pending where there is no such shell.
local function in_shell(name, check)
  it(name .. " completes each command's own, whatever the name of a file is", function()
    if shell.output_of("command -v " .. name) == "" then
      return pending(name .. " is not there")
    end
    assert.same(EXPECTED, check())
  end)
end

-- At a terminal, where it prints its line when asked to.
in_shell("zsh", function()
  local folder = shell.output_of("mktemp -d"):match("^[^\n]*")
  shell.write_file(folder .. "/_aitronos-invite", completion.zsh())
  local words = last_words("zsh -f", ([[
    zmodload zsh/zpty
    zpty z zsh -f -i
    zpty -w z 'PROMPT= fpath=(%s $fpath); autoload -U compinit; compinit -u -D
      tell() { print -r -- "<<$BUFFER>>"; BUFFER= }
      zle -N tell; bindkey "^I" complete-word "^X" tell; print rea""dy'
    zpty -r z line '*ready*'
    for words in "$0" "$@"; do
      zpty -wn z "$words"$'\t\C-X'
      zpty -r z line '*>>*'
      print -r -- "${${line##*<<}%%%%>>*}"
    done]]):format(folder))
  shell.run("rm -r " .. folder)
  return words
end)

in_shell("fish", function()
  return last_words("fish --no-config", completion.fish() .. [[
    for line in $argv
      set found (complete --do-complete $line | string replace --regex '\t.*' '')
      if test (count $found) -eq 1
        echo $found
      else
        echo $line
      end
    end]])
end)
