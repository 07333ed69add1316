--- Completions for bash, zsh and fish, from `usage.lua`. File names where a file is meant, the
--- choices where there are some, and nothing where only the user knows.

local usage = require "aitronos.cli.usage"

local concat = table.concat
local gsub = string.gsub
local ipairs = ipairs

local completion = {}

-- Neither quotes nor brackets nor what a shell expands is in usage.lua; this keeps it so.
local function plain(option)
  local text = usage.first_sentence(option)
  assert(not text:find("[%[%]\"`$\\{}]"), text)
  return text
end

local function quoted(text)
  return "'" .. gsub(text, "'", "'\\''") .. "'"
end

-- The names of options of which `wanted` is true, with what separates them.
local function names(separator, wanted)
  local found = {}
  for _, option in ipairs(usage.OPTIONS) do
    if wanted(option) then
      found[#found + 1] = option.short
      found[#found + 1] = option.name
    end
  end
  return concat(found, separator)
end

local function is_file(option)
  return option.kind == "file"
end

local function is_free(option)
  return option.argument ~= nil and not option.choices and not is_file(option)
end

local function any()
  return true
end

local function bash_choices()
  local cases = {}
  for _, option in ipairs(usage.OPTIONS) do
    if option.choices then
      cases[#cases + 1] = ('    %s) COMPREPLY=($(compgen -W "%s" -- "$word")); return ;;'):format(
        option.name, concat(option.choices, " "))
    end
  end
  return concat(cases, "\n")
end

-- To readline `=` is a word of its own. With -o default, an empty reply has it complete files.
local BASH = [=[
# bash completion of @NAME@

_@FUNCTION@() {
  local word=$2 before=$3 i
  COMPREPLY=()
  if [[ $word == = ]]; then
    word=
  elif [[ $before == = ]]; then
    before=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ ${COMP_WORDS[i]} == -- ]] && return
  done
  case $before in
    @FILES@) compopt -o default; return ;;
@CHOICES@
    @FREE@) return ;;
  esac
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "@ALL@" -- "$word"))
  fi
} && complete -F _@FUNCTION@ @NAME@
]=]

local function fill(template, values)
  return (gsub(template, "@(%u+)@", values))
end

--- For bash, without the help of the package bash-completion.
---@return string
function completion.bash()
  return fill(BASH, {
    NAME = usage.NAME,
    FUNCTION = gsub(usage.NAME, "%-", "_"),
    FILES = names("|", is_file),
    CHOICES = bash_choices(),
    FREE = names("|", is_free),
    ALL = names(" ", any),
  })
end

local function zsh_action(option)
  if not option.argument then
    return ""
  elseif option.choices then
    return ":" .. option.argument .. ":(" .. concat(option.choices, " ") .. ")"
  elseif is_file(option) then
    return ":" .. option.argument .. ":_files"
  end
  return ":" .. option.argument .. ": "
end

--- For zsh.
---@return string
function completion.zsh()
  local lines = { "#compdef " .. usage.NAME, "", "_arguments -S \\" }
  for _, option in ipairs(usage.OPTIONS) do
    local rest = quoted("[" .. gsub(plain(option), ":", "\\:") .. "]" .. zsh_action(option))
    if option.short then
      local both = "(" .. option.short .. " " .. option.name .. ")"
      lines[#lines + 1] = ("  '%s'{%s,%s}%s \\"):format(both, option.short, option.name, rest)
    else
      lines[#lines + 1] = "  " .. option.name .. (option.argument and "=" or "") .. rest .. " \\"
    end
  end
  lines[#lines + 1] = "  '*:ADDRESS: '"
  return concat(lines, "\n") .. "\n"
end

local function fish_argument(option)
  if option.choices then
    return " -x -a '" .. concat(option.choices, " ") .. "'"
  elseif is_file(option) then
    return " -r -F"
  end
  return option.argument and " -x" or ""
end

--- For fish.
---@return string
function completion.fish()
  -- Only options that name a file complete files.
  local lines = { "complete -c " .. usage.NAME .. " -f" }
  for _, option in ipairs(usage.OPTIONS) do
    local text = gsub(gsub(plain(option), "\\", "\\\\"), "'", "\\'")
    lines[#lines + 1] = ("complete -c %s%s -l %s%s -d '%s'"):format(usage.NAME,
      option.short and " -s " .. option.short:sub(2) or "", option.name:sub(3),
      fish_argument(option), text)
  end
  return concat(lines, "\n") .. "\n"
end

return completion
