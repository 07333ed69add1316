--- Completions for bash, zsh and fish, from `usage.lua`. File names where a file is meant, the
--- choices where there are some, and nothing where only the user knows.

local usage = require "aitronos.cli.usage"

local concat = table.concat
local gsub = string.gsub
local ipairs = ipairs

local completion = {}

-- Neither quotes nor brackets nor what a shell expands is in usage.lua; this keeps it so.
local function plain(text)
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

local function has_argument(option)
  return option.argument ~= nil
end

local function is_taken_by(action)
  return function(option)
    return usage.takes(option, action.name)
  end
end

-- The words by which commands are called, with what separates them.
local function action_names(separator)
  local found = {}
  for i, action in ipairs(usage.named_actions()) do
    found[i] = action.name
  end
  return concat(found, separator)
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

local function bash_options()
  local cases = {}
  for _, action in ipairs(usage.ACTIONS) do
    local pattern = action.name == "invite" and "*" or action.name
    cases[#cases + 1] = ('      %s) names="%s" ;;'):format(pattern,
      names(" ", is_taken_by(action)))
  end
  table.insert(cases, table.remove(cases, 1)) -- the one for any other word comes last
  return concat(cases, "\n")
end

-- To readline `=` is a word of its own. With -o default, an empty reply has it complete files.
local BASH = [=[
# bash completion of @NAME@

_@FUNCTION@() {
  local word=$2 before=$3 first= names= i
  COMPREPLY=()
  if [[ $word == = ]]; then
    word=
  elif [[ $before == = ]]; then
    before=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i - 1]} in
      = | @VALUED@) continue ;;
    esac
    case ${COMP_WORDS[i]} in
      --) return ;;
      = | -*) ;;
      *) first=${first:-${COMP_WORDS[i]}} ;;
    esac
  done
  case $before in
    @FILES@) compopt -o default; return ;;
@CHOICES@
    @FREE@) return ;;
  esac
  if [[ $word == -* ]]; then
    case $first in
@OPTIONS@
    esac
  elif [[ -z $first ]]; then
    names="@ACTIONS@"
  fi
  COMPREPLY=($(compgen -W "$names" -- "$word"))
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
    VALUED = names("|", has_argument),
    OPTIONS = bash_options(),
    ACTIONS = action_names(" "),
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

local function zsh_option(option)
  local text = gsub(plain(usage.first_sentence(option)), ":", "\\:")
  local rest = quoted("[" .. text .. "]" .. zsh_action(option))
  if option.short then
    local both = "(" .. option.short .. " " .. option.name .. ")"
    return ("'%s'{%s,%s}%s"):format(both, option.short, option.name, rest)
  end
  return option.name .. (option.argument and "=" or "") .. rest
end

-- The arguments of a command, as lines that go on.
local function zsh_arguments(action)
  local is_invite = action.name == "invite"
  local lines = { (is_invite and "*" or action.name) .. ") _arguments -S" }
  for _, option in ipairs(usage.OPTIONS) do
    if usage.takes(option, action.name) then
      lines[#lines + 1] = zsh_option(option)
    end
  end
  lines[#lines + 1] = ("'1:command:(%s)'"):format(is_invite and action_names(" ") or action.name)
  if action.takes_people then
    -- With a blank for what may stand there, zsh would offer no options after the first one.
    lines[#lines + 1] = "'*:ADDRESS:()'"
  end
  return concat(lines, " \\\n  ") .. " ;;"
end

local ZSH = [=[
#compdef @NAME@

local action= i
for ((i = 2; i <= $#words; i++)); do
  case $words[i-1] in
    @VALUED@) continue ;;
  esac
  case $words[i] in
    --) break ;;
    -*) ;;
    *) ((i == CURRENT)) || action=$words[i]; break ;;
  esac
done
case $action in
@CASES@
esac
]=]

--- For zsh.
---@return string
function completion.zsh()
  local cases = {}
  for i, action in ipairs(usage.named_actions()) do
    cases[i] = zsh_arguments(action)
  end
  cases[#cases + 1] = zsh_arguments(usage.ACTIONS[1])
  return fill(ZSH, {
    NAME = usage.NAME, VALUED = names("|", has_argument), CASES = concat(cases, "\n"),
  })
end

local function fish_argument(option)
  if option.choices then
    return " -x -a '" .. concat(option.choices, " ") .. "'"
  elseif is_file(option) then
    return " -r -F"
  end
  return option.argument and " -x" or ""
end

local FISH_FUNCTION = "__" .. gsub(usage.NAME, "%-", "_") .. "_command"

-- `@FUNCTION@ WORD…`: whether the first word that is no option nor an option's argument is one of
-- these; "" stands for none.
local FISH = [=[
function @FUNCTION@
  set -l words (commandline -opc)
  set -l before $words[1]
  set -l first ""
  set -e words[1]
  for word in $words
    if contains -- $before @VALUED@
    else if test "$word" = --
      break
    else if not string match -q -- '-*' $word
      set first $word
      break
    end
    set before $word
  end
  contains -- $first $argv
end
]=]

-- Where an option is offered: not after the name of a command that does not take it.
local function fish_condition(option)
  local others = {}
  for _, action in ipairs(usage.named_actions()) do
    if usage.takes(option, action.name) ~= usage.takes(option, "invite") then
      others[#others + 1] = action.name
    end
  end
  if not others[1] then
    return ""
  end
  return (" -n '%s%s %s'"):format(usage.takes(option, "invite") and "not " or "", FISH_FUNCTION,
    concat(others, " "))
end

local function fish_text(text)
  return gsub(gsub(plain(text), "\\", "\\\\"), "'", "\\'")
end

--- For fish.
---@return string
function completion.fish()
  -- Only options that name a file complete files.
  local lines = {
    fill(FISH, { FUNCTION = FISH_FUNCTION, VALUED = names(" ", has_argument) }),
    "complete -c " .. usage.NAME .. " -f",
  }
  for _, action in ipairs(usage.named_actions()) do
    lines[#lines + 1] = ("complete -c %s -n '%s \"\"' -a %s -d '%s'"):format(usage.NAME,
      FISH_FUNCTION, action.name, fish_text(action.help))
  end
  for _, option in ipairs(usage.OPTIONS) do
    lines[#lines + 1] = ("complete -c %s%s%s -l %s%s -d '%s'"):format(usage.NAME,
      fish_condition(option), option.short and " -s " .. option.short:sub(2) or "",
      option.name:sub(3), fish_argument(option), fish_text(usage.first_sentence(option)))
  end
  return concat(lines, "\n") .. "\n"
end

return completion
