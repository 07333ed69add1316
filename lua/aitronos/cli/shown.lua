--- How things look: rows, plans, sums and commands, as lines of text that are safe to show.

local cjson = require("cjson").new()
local text = require "aitronos.text"
local usage = require "aitronos.cli.usage"

local concat = table.concat
local escape = text.escape
local floor, format, gsub = math.floor, string.format, string.gsub

local shown = {}

-- The limit that the API documents.
local ASSUMED_RATE = 100

local FINE = {
  made = true, existing = true, duplicate = true, pending = true, none = true, resent = true,
}

-- By the command: what a plan is for, how many requests a person takes, and one of whom an earlier
-- run could not tell, and what has come of it.
local WORDS = {
  invite = {
    plan = "to be invited", requests = 1, done = "done by earlier runs",
    doubt = "to be looked up first, since an earlier run may have invited them", doubt_requests = 2,
    outcome = "made", one = "invitation made", many = "invitations made",
  },
  status = { outcome = "pending", one = "pending invitation", many = "pending invitations" },
  resend = {
    plan = "whose invitation is to be sent again", requests = 2,
    done = "left out, since an earlier run has mailed them",
    doubt = "left out, since an earlier run may have mailed them", doubt_requests = 0,
    outcome = "resent", one = "invitation sent again", many = "invitations sent again",
  },
}

---@param row aitronos.Record
---@return boolean
function shown.is_fine(row)
  return FINE[row.outcome] == true
end

---@param count integer
---@return string
function shown.number(count)
  local digits = format("%d", count)
  repeat
    local replaced
    digits, replaced = gsub(digits, "^(%d+)(%d%d%d)", "%1,%2")
  until replaced == 0
  return digits
end

local number = shown.number

local function several(count, one, many)
  return number(count) .. " " .. (count == 1 and one or many)
end

--- One row of the results.
---@param row aitronos.Record
---@return string
function shown.line(row)
  local words = format("%-9s  %s", row.outcome, escape(row.address))
  if row.outcome == "pending" then
    words = words .. (row.role and "  " .. escape(row.role) or "")
      .. (row.expires_at and "  expires " .. escape(row.expires_at) or "")
  elseif row.outcome == "none" then
    words = words .. "  " .. row.message
  elseif row.invitation_id then
    words = words .. "  " .. escape(row.invitation_id)
      .. (row.expires_at and "  expires " .. escape(row.expires_at) or "")
      .. (row.reconciled and "  found by look-up" or "")
      .. (row.message and "  " .. escape(row.message) or "")
  elseif row.message then
    words = words .. "  " .. escape(row.message) .. (row.code and " (" .. escape(row.code)
      .. (row.trace_id and ", trace " .. escape(row.trace_id) or "") .. ")" or "")
  end
  return words
end

--- What is wrong with a row, and where.
---@param name string
---@param row aitronos.Record
---@return string
function shown.at(name, row)
  local message = row.in_full or row.message
  if row.outcome == "duplicate" then
    message = escape(row.address) .. " " .. message .. ", and counts once"
  elseif row.address ~= "" then
    message = escape(row.address) .. ": " .. message
  end
  return format("%s:%d: %s", name, row.line, escape(message))
end

--- What is wrong with several rows, and where.
---@param name string
---@param lines (integer|string)[]
---@param message string
---@return string
function shown.at_lines(name, lines, message)
  return format("%s: lines %s and %s: %s", name, concat(lines, ", ", 1, #lines - 1), lines[#lines],
    escape(message))
end

local function duration(minutes)
  if minutes < 1.5 then
    return "about a minute"
  elseif minutes < 90 then
    return format("about %d minutes", floor(minutes + 0.5))
  elseif minutes < 2880 then
    return format("about %d hours", floor(minutes / 60 + 0.5))
  end
  return format("about %d days", floor(minutes / 1440 + 0.5))
end

--- What would be done.
---@param plan aitronos.Plan
---@param settings aitronos.CommandSettings
---@param name string of the input
---@return string
function shown.plan(plan, settings, name)
  local words = WORDS[settings.action]
  local left = plan.people - plan.done - plan.in_doubt
  local lines = { format("%s: %s, of which", name, several(plan.rows, "row", "rows")) }
  local function add(count, what)
    lines[#lines + 1] = format("  %9s %s", number(count), what)
  end
  add(left, words.plan)
  if plan.done + plan.in_doubt > 0 then
    add(plan.in_doubt, words.doubt)
    add(plan.done, words.done)
  end
  add(plan.duplicates, "with an address that was there before")
  add(plan.invalid, "with faults")
  local rate = settings.rate
  lines[#lines + 1] = format(rate and "At --rate %s that takes %s."
    or "At %s requests a minute, as the API allows, that takes %s.",
    text.number(rate or ASSUMED_RATE),
    duration((left * words.requests + plan.in_doubt * words.doubt_requests)
      / (rate or ASSUMED_RATE)))
  local with_files = settings.report or settings.failed or settings.save_links
  lines[#lines + 1] = with_files and "Nothing was sent, no file written.\n"
    or "Nothing was sent.\n"
  return concat(lines, "\n")
end

--- How it ended, in a line.
---@param counts table<string, integer>
---@param plan aitronos.Plan
---@param action string
---@return string
function shown.summary(counts, plan, action)
  local words = WORDS[action]
  local parts = { several(counts[words.outcome], words.one, words.many) }
  local function add(count, what)
    if count > 0 then
      parts[#parts + 1] = number(count) .. " " .. what
    end
  end
  add(counts.existing, "there already")
  add(counts.none, "without one")
  add(counts.failed, "failed")
  add(counts.rejected, "refused")
  add(counts.not_sent, "not sent")
  add(counts.unknown, "unknown")
  add(counts.unreached, "not reached")
  add(counts.invalid, "with faults left out")
  add(counts.duplicate, counts.duplicate == 1 and "duplicate" or "duplicates")
  local earlier = counts.earlier > 0
    and format(" (%s by earlier runs)", number(counts.earlier)) or ""
  return format("%s%s, of %s.", concat(parts, ", "), earlier,
    several(plan.rows, "row", "rows"))
end

--- The time of day in so many seconds, with its date where that is not today's.
---@param seconds number
---@return string
function shown.time_of(seconds)
  local at = os.time() + math.ceil(seconds)
  local today = os.date("%Y%m%d") == os.date("%Y%m%d", at)
  return os.date(today and "%H:%M:%S" or "%Y-%m-%d %H:%M:%S", at)
end

--- How to go on.
---@param stopped? aitronos.Stop
---@param settings aitronos.CommandSettings
---@param command string
---@return string
function shown.resume(stopped, settings, command)
  local seconds = stopped and stopped.resume_at
  local when = seconds and "after " .. shown.time_of(seconds) .. " " or ""
  return format("%s %swith: %s", settings.journal and "resume" or "try again", when,
    escape(command))
end

--- What to do about those of whom it is not known what became of them.
---@param settings aitronos.CommandSettings
---@param command string
---@return string
function shown.doubt(settings, command)
  if settings.action == "resend" then
    return "of some it is not known whether their mail went out, and "
      .. (settings.journal and "only --resend-unknown sends them another"
        or "the same command sends them another")
  elseif settings.action == "invite" and not settings.journal then
    return "there is no journal: look in Aitronos for those of whom it is not known, before you "
      .. "invite them again"
  end
  return shown.resume(nil, settings, command)
end

--- As a word for the shell.
---@param word string
---@return string
function shown.quote(word)
  if word:find("^[%w@%%+=:,./_-]+$") then
    return word
  end
  return "'" .. gsub(word, "'", "'\\''") .. "'"
end

--- The request as a command. The shell that runs it fills in the key.
---@param base_url string
---@param params aitronos.InviteUserParams
---@return string
function shown.curl(base_url, params)
  local url = gsub(base_url, "/+$", "") .. "/v1/organizations/" .. params.organization_id
    .. "/invite-user"
  local body = {}
  for _, name in ipairs { "email", "role_id", "send_invitation" } do
    if params[name] ~= nil then
      body[#body + 1] = format('"%s":%s', name, gsub(cjson.encode(params[name]), "\\/", "/"))
    end
  end
  return format([[curl -sS -H "X-API-Key: $FREDDY_API_KEY" -H 'Content-Type: application/json' ]]
    .. "--data-raw %s %s", shown.quote("{" .. concat(body, ",") .. "}"), shown.quote(url))
end

--- The versions of the command and of what it is built on.
---@return string
function shown.version()
  local aitronos = require "aitronos"
  local core = require "aitronos.core"
  local lua = rawget(_G, "jit") and rawget(_G, "jit").version or _VERSION
  return format("%s %s\n%s, lua-cjson %s, %s", usage.NAME, aitronos._VERSION, core.libraries,
    cjson._VERSION, lua)
end

return shown
