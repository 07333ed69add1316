--- Errors: what the library raises and returns. A table with plain fields and this metatable.
--- *Fault*: `{ field, message }`, one thing wrong with what a caller gave.
--- *Facts*: what the core knows about a call that failed.
--- Everything a server said is bounded, has the right type, is no HTML and gives away no invitation
--- before it gets into a field; only `tostring` escapes, so that fields can be compared.

local byte, find, format, gsub = string.byte, string.find, string.format, string.gsub
local lower, sub, upper = string.lower, string.sub, string.upper
local concat, sort = table.concat, table.sort
local getmetatable, ipairs, next, rawget = getmetatable, ipairs, next, rawget
local setmetatable, tostring, type = setmetatable, tostring, type

---@class aitronos.Fault
---@field field string
---@field message string

---@class aitronos.Error
---@field kind string
---@field code? string
---@field message string
---@field system_message? string
---@field type? string
---@field details? table
---@field trace_id? string
---@field timestamp? string
---@field status? integer
---@field request_id? string
---@field outcome "not_sent"|"rejected"|"unknown"
---@field retryable boolean
---@field retry_after? number seconds
---@field attempts integer
---@field elapsed number seconds
local methods = {}
local Error = { __index = methods, __name = "aitronos.error" }

local errors = {}

local FIELDS = {
  "kind", "code", "message", "system_message", "type", "details", "trace_id", "timestamp",
  "status", "request_id", "outcome", "retryable", "retry_after", "attempts", "elapsed",
}

local LINE_BYTES = 512
local TEXT_BYTES = 1024
local NAME_BYTES = 128
local DETAIL_VALUES = 10000
local DETAIL_DEPTH = 16

local ELLIPSIS = "\226\128\166"

-- failure -> kind, code, what happened and what can be done
local FAILURES = {
  resolve = { "connection", "NAME_NOT_RESOLVED", "The server's name could not be resolved" },
  connect = { "connection", "CONNECTION_FAILED", "No connection to the server could be made" },
  reset = { "connection", "CONNECTION_LOST", "The connection was lost before the answer was in" },
  resend = { "connection", "CONNECTION_LOST", "A reused connection was lost while the request was "
    .. "under way, and the request was not sent again" },
  proxy = { "connection", "PROXY_FAILED", "The proxy can't be reached or refuses; check proxy" },
  http2 = { "connection", "HTTP2_ERROR", "The HTTP/2 exchange failed; if it keeps failing, leave "
    .. "the http2 option off" },
  http2_refused = { "connection", "HTTP2_REFUSED", "The server refused the HTTP/2 request before "
    .. "it handled it" },
  out_of_memory = { "connection", "OUT_OF_MEMORY", "There was not enough memory for the request" },
  internal = { "connection", "LIBCURL_ERROR", "libcurl failed in a way that was not foreseen" },

  connect_timeout = { "timeout", "CONNECT_TIMEOUT", "No connection stood within connect_timeout" },
  timeout = { "timeout", "REQUEST_TIMEOUT", "No complete answer came within timeout" },
  deadline = { "timeout", "DEADLINE_EXCEEDED", "The call could not be finished by its deadline" },

  tls = { "tls", "TLS_HANDSHAKE_FAILED", "The TLS handshake failed" },
  certificate = { "tls", "CERTIFICATE_NOT_TRUSTED", "The server's certificate is not trusted; if "
    .. "a private authority issued it, give that authority's certificate as ca_file" },
  ca_file = { "tls", "CA_FILE_UNUSABLE", "The trusted certificates could not be loaded; check "
    .. "ca_file and ca_path" },

  not_http = { "protocol", "NOT_HTTP", "What answered does not speak HTTP; check base_url" },
  truncated = { "protocol", "RESPONSE_TRUNCATED", "The answer was cut short" },
  bad_encoding = { "protocol", "BAD_CONTENT_ENCODING", "The answer could not be decompressed" },
  response_too_large = { "protocol", "RESPONSE_TOO_LARGE", "The answer is larger than "
    .. "max_response_bytes" },
  headers_too_large = { "protocol", "HEADERS_TOO_LARGE", "The answer's headers are too large" },
  not_json = { "protocol", "NOT_JSON", "The answer is not JSON; check base_url" },
  not_object = { "protocol", "NOT_AN_OBJECT", "The answer is JSON, but not an object" },
  no_content = { "protocol", "NO_CONTENT", "The answer has no content" },
  not_invitation = { "protocol", "NOT_AN_INVITATION", "The answer is no invitation" },

  lookup_disagrees = { "conflict", "INVITATION_ROLE_DIFFERS", "There is an invitation for this "
    .. "address already, but with another role" },
  url = { "config", "INVALID_URL", "The URL of the request is not valid; check base_url" },
  cancelled = { "cancelled", "CANCELLED", "The call was cancelled" },
  closed = { "cancelled", "CLIENT_CLOSED", "The client was closed before the call had finished" },
}

-- With an error status these describe the answer's form only; the status says more.
local ABOUT_FORM = { not_json = true, not_object = true, no_content = true }

local KINDS = {
  [400] = "bad_request", [401] = "authentication", [403] = "permission", [404] = "not_found",
  [409] = "conflict", [422] = "validation", [429] = "rate_limit",
}

local STATUS_WORDS = {
  [400] = "Bad Request", [401] = "Unauthorized", [402] = "Payment Required", [403] = "Forbidden",
  [404] = "Not Found", [405] = "Method Not Allowed", [406] = "Not Acceptable",
  [407] = "Proxy Authentication Required", [408] = "Request Timeout", [409] = "Conflict",
  [410] = "Gone", [411] = "Length Required", [412] = "Precondition Failed",
  [413] = "Content Too Large", [414] = "URI Too Long", [415] = "Unsupported Media Type",
  [417] = "Expectation Failed", [421] = "Misdirected Request", [422] = "Unprocessable Content",
  [423] = "Locked", [424] = "Failed Dependency", [425] = "Too Early", [426] = "Upgrade Required",
  [428] = "Precondition Required", [429] = "Too Many Requests",
  [431] = "Request Header Fields Too Large", [451] = "Unavailable For Legal Reasons",
  [500] = "Internal Server Error", [501] = "Not Implemented", [502] = "Bad Gateway",
  [503] = "Service Unavailable", [504] = "Gateway Timeout", [505] = "HTTP Version Not Supported",
  [507] = "Insufficient Storage", [508] = "Loop Detected",
  [511] = "Network Authentication Required",
}

local REDIRECTED = "The server answered with a redirect, and redirects are not followed; "
  .. "base_url may need the new host"
local UNEXPLAINED = "The server answered with an error and no explanation"

-- ## Text

local function clip(text, limit)
  if #text <= limit then
    return text
  end
  local last = limit - #ELLIPSIS
  for _ = 1, 3 do
    if find(text, "^[\128-\191]", last + 1) then
      last = last - 1
    end
  end
  return sub(text, 1, last) .. ELLIPSIS
end

local function hex(text)
  return (gsub(text, ".", function(char)
    return format("\\x%02X", byte(char))
  end))
end

-- The code point of exactly one well-formed sequence of more than one byte, else nil.
local function code_point(sequence)
  local a, b, c, d = byte(sequence, 1, 4)
  local point
  if #sequence == 2 and a >= 0xC2 and a <= 0xDF then
    return (a - 0xC0) * 0x40 + b - 0x80
  elseif #sequence == 3 and a >= 0xE0 and a <= 0xEF then
    point = (a - 0xE0) * 0x1000 + (b - 0x80) * 0x40 + c - 0x80
    return point >= 0x800 and (point < 0xD800 or point > 0xDFFF) and point or nil
  elseif #sequence == 4 and a >= 0xF0 and a <= 0xF4 then
    point = (a - 0xF0) * 0x40000 + (b - 0x80) * 0x1000 + (c - 0x80) * 0x40 + d - 0x80
    return point >= 0x10000 and point <= 0x10FFFF and point or nil
  end
end

-- C1 controls, separators of lines, and marks that change the direction of the text after them.
local function misleads(point)
  return point <= 0x9F or point == 0x61C or point == 0x200E or point == 0x200F
    or point >= 0x2028 and point <= 0x202E or point >= 0x2066 and point <= 0x2069
end

local function escape(text)
  text = gsub(text, "[^\32-\126\128-\255]", function(char)
    return char == "\n" and "\\n" or hex(char)
  end)
  return (gsub(text, "[\128-\255][\128-\191]*", function(sequence)
    local point = code_point(sequence)
    return (not point or misleads(point)) and hex(sequence) or nil
  end))
end

local function any_case(word)
  return (gsub(word, "%a", function(letter)
    return "[" .. upper(letter) .. lower(letter) .. "]"
  end))
end

-- Who holds one of these can join. The names as keys, in lower case without separators; and the
-- names with what may stand between them and the value in running text.
local SECRETS = { invitationkey = true, invitationlink = true, emailkey = true }
local SEPARATOR = "[%s\"'\\]*[:=][%s\"'\\]*"
local SECRETS_IN_TEXT = {
  any_case("invitation[_-]?key") .. SEPARATOR,
  any_case("invitation[_-]?link") .. SEPARATOR,
  any_case("email[_-]?key") .. SEPARATOR,
  any_case("invite") .. "=[\"'\\]*",
  any_case("invite") .. "%%3[Dd]",
}

local function is_secret(key)
  return type(key) == "string" and SECRETS[gsub(lower(key), "[_-]", "")] == true
end

-- A server's text made fit to keep, or nil if it is none.
local function clean(text, limit)
  if type(text) ~= "string" or not find(text, "%S") then
    return nil
  end
  text = clip(text, limit)
  if find(text, "<[!/]%a") or find(lower(text), "<html", 1, true) then
    return nil
  end
  for _, pattern in ipairs(SECRETS_IN_TEXT) do
    text = gsub(text, "(" .. pattern .. ")[^%s\"'&#,;}]+", "%1[redacted]")
  end
  return clip(text, limit)
end

local function join(faults)
  local parts, bytes = {}, 0
  for _, fault in ipairs(faults) do
    local field = fault.field
    parts[#parts + 1] = (field and field .. ": " or "") .. fault.message
    bytes = bytes + #parts[#parts]
    if bytes > TEXT_BYTES then
      break
    end
  end
  return clip(concat(parts, "; "), TEXT_BYTES)
end

-- ## Plain data

local function number_text(number)
  return format("%.14g", number)
end

-- The length of a table that has the keys 1 to n and no others, else nil.
local function list_length(value)
  local keys = 0
  for _ in next, value do
    keys = keys + 1
  end
  for i = 1, keys do
    if rawget(value, i) == nil then
      return nil
    end
  end
  return keys > 0 and keys or nil
end

local plain

local function plain_table(value, budget, depth)
  local out, length = {}, list_length(value)
  if length then
    for i = 1, length do
      -- By appending: what is left out must not leave a hole.
      out[#out + 1] = plain(rawget(value, i), budget, depth)
    end
    return out
  end
  for key, item in next, value do
    local name = type(key) == "number" and number_text(key) or clean(key, NAME_BYTES)
    if name and not is_secret(key) then
      out[name] = plain(item, budget, depth)
    end
  end
  return out
end

-- A copy that any JSON encoder takes and that holds no secret; nil where there can be none.
-- The budget bounds what a table that holds itself can unfold to.
function plain(value, budget, depth)
  budget.left = budget.left - 1
  local kind = type(value)
  if budget.left < 0 then
    return nil
  elseif kind == "string" then
    return value == "" and value or clean(value, TEXT_BYTES)
  elseif kind == "boolean" then
    return value
  elseif kind == "number" then
    local finite = value == value and value ~= 1 / 0 and value ~= -1 / 0
    return finite and value or tostring(value)
  elseif kind == "table" and depth < DETAIL_DEPTH then
    return plain_table(value, budget, depth + 1)
  end
end

local function copy(value)
  return plain(value, { left = DETAIL_VALUES }, 0)
end

-- ## The Error itself

-- A field as it may stand in a line, or nil. Escaping never shortens, so no more than the limit
-- (and a little, lest a character be cut in two) needs to be looked at.
local function shown(value, limit)
  if type(value) == "number" then
    return number_text(value)
  end
  if type(value) ~= "string" or value == "" then
    return nil
  end
  return clip(escape(sub(value, 1, limit + 8)), limit)
end

-- Fields are read raw and by their type: users may have assigned anything to them.
local function line(err)
  local status = rawget(err, "status")
  local trace = shown(rawget(err, "trace_id"), 64)
  local request = not trace and shown(rawget(err, "request_id"), 64)

  local parts = {}
  parts[#parts + 1] = shown(rawget(err, "code"), 64)
  parts[#parts + 1] = type(status) == "number" and "HTTP " .. number_text(status) or nil
  parts[#parts + 1] = trace and "trace " .. trace or request and "request " .. request or nil

  local head = (shown(rawget(err, "kind"), 32) or "error") .. ": "
  local tail = #parts > 0 and " (" .. concat(parts, ", ") .. ")" or ""
  if rawget(err, "outcome") == "unknown" then
    tail = "; the invitation may have been made" .. tail
  end
  return head .. (shown(rawget(err, "message"), LINE_BYTES - #head - #tail) or "no message") .. tail
end

Error.__tostring = line

function Error.__concat(a, b)
  return (errors.is(a) and line(a) or a) .. (errors.is(b) and line(b) or b)
end

--- Plain data: no metatable, no function, nothing that lua-cjson refuses.
---@return table
function methods:to_table()
  local out = {}
  for _, field in ipairs(FIELDS) do
    out[field] = copy(rawget(self, field))
  end
  return out
end

---@param fields table the fields of an Error; others are left out
---@return aitronos.Error
function errors.new(fields)
  local err = {}
  for _, field in ipairs(FIELDS) do
    err[field] = fields[field]
  end
  return setmetatable(err, Error)
end

---@param value any
---@return boolean
function errors.is(value)
  return type(value) == "table" and getmetatable(value) == Error
end

-- ## Errors made before anything is sent

local function local_error(kind, code, message, details)
  return errors.new {
    kind = kind,
    code = code,
    message = message,
    details = details,
    outcome = "not_sent",
    retryable = false,
    attempts = 0,
    elapsed = 0,
  }
end

--- The params of a call are wrong.
---@param faults aitronos.Fault[]
---@return aitronos.Error
function errors.argument(faults)
  return local_error("argument", "INVALID_ARGUMENT", join(faults), faults)
end

--- The client's options are wrong, or it can't be used here or any more.
---@param message string|aitronos.Fault[] a list of faults is its own details
---@param details? aitronos.Fault[]
---@param code? string
---@return aitronos.Error
function errors.config(message, details, code)
  if type(message) == "table" then
    message, details = join(message), message
  end
  return local_error("config", code or "INVALID_OPTION", message, details)
end

--- Names, sorted, for the keys of `given` that `known` lacks. A key that is no short word may be a
--- value in the wrong place, so it is described and not shown.
---@param given table
---@param known table
---@return string[]
function errors.unknown_keys(given, known)
  local names = {}
  for key in next, given do
    if known[key] == nil then
      local name = "[" .. type(key) .. "]"
      if type(key) == "number" then
        name = "[" .. number_text(key) .. "]"
      elseif type(key) == "string" then
        local is_word = #key <= 32 and find(key, "^[0-9A-Za-z_-]+$")
        name = is_word and key or "(a key of " .. #key .. " bytes)"
      end
      names[#names + 1] = name
    end
  end
  sort(names)
  return names
end

-- ## Errors from what the core reports

local function table_in(value, key)
  local found = type(value) == "table" and rawget(value, key)
  return type(found) == "table" and found or nil
end

-- `{ detail = { { loc = { "body", "email" }, msg = "…" } } }` -> faults
local function faults_of(detail)
  local faults = {}
  for _, item in ipairs(detail) do
    local path = {}
    for _, step in ipairs(table_in(item, "loc") or {}) do
      path[#path + 1] = type(step) == "number" and number_text(step) or clean(step, NAME_BYTES)
    end
    local message = type(item) == "table" and clean(rawget(item, "msg"), TEXT_BYTES)
    if message then
      faults[#faults + 1] = { field = path[1] and concat(path, "."), message = message }
    end
    if #faults == 100 then
      break
    end
  end
  return faults
end

-- `{ errors = { { field, message, code } } }` -> details, message built of them, first code
local function listed(list)
  local details, faults, code = copy(list), {}, nil
  for _, item in ipairs(details) do
    if type(item) == "table" then
      local message = clean(item.message, TEXT_BYTES)
      if message then
        faults[#faults + 1] = { field = clean(item.field, NAME_BYTES), message = message }
      end
      code = code or clean(item.code, NAME_BYTES)
    end
  end
  return details, faults[1] and join(faults), code
end

-- Whichever of the API's three shapes the body has, as the fields of an Error.
local function said(body)
  local current = table_in(body, "error")
  if current then
    return {
      code = clean(rawget(current, "code"), NAME_BYTES),
      message = clean(rawget(current, "message"), TEXT_BYTES),
      system_message = clean(rawget(current, "system_message"), TEXT_BYTES),
      type = clean(rawget(current, "type"), NAME_BYTES),
      details = copy(table_in(current, "details")),
      trace_id = clean(rawget(current, "trace_id"), NAME_BYTES),
      timestamp = clean(rawget(current, "timestamp"), NAME_BYTES),
    }
  end

  local found = {}
  if type(body) ~= "table" then
    return found
  end
  found.type = clean(rawget(body, "error_type"), NAME_BYTES)
  local meta = table_in(body, "meta")
  if meta then
    found.timestamp = clean(rawget(meta, "timestamp"), NAME_BYTES)
    found.request_id = clean(rawget(meta, "request_id"), NAME_BYTES)
  end
  local list = table_in(body, "errors")
  if list then
    found.details, found.message, found.code = listed(list)
  end
  local detail = rawget(body, "detail")
  found.message = clean(detail, TEXT_BYTES) or found.message
  if type(detail) == "table" then
    local faults = faults_of(detail)
    if faults[1] then
      found.details, found.message = faults, join(faults)
    end
  end
  return found
end

local function from_answer(facts)
  local status = facts.status
  local fields = said(facts.body)
  fields.kind = KINDS[status] or status >= 500 and "server" or "client"
  fields.code = fields.code or "HTTP_" .. number_text(status)
  if status < 400 then
    fields.message = REDIRECTED
  else
    fields.message = fields.message or STATUS_WORDS[status] or UNEXPLAINED
  end
  return fields
end

local function from_transport(facts)
  local failure = FAILURES[facts.failure] or FAILURES.internal
  local message = failure[3]
  local text = clean(facts.text, TEXT_BYTES / 2)
  if text then
    message = message .. ": " .. text
  end
  if failure[1] == "tls" and facts.tls_library then
    message = message .. " [" .. facts.tls_library .. "]"
  end
  return { kind = failure[1], code = failure[2], message = message }
end

---@class aitronos.Facts
---@field failure? string a key of FAILURES; nil where the server answered with an error status
---@field text? string libcurl's own words
---@field status? integer
---@field body? table the answer's JSON
---@field request_id? string
---@field retry_after? number seconds
---@field outcome "not_sent"|"rejected"|"unknown"
---@field retryable boolean
---@field attempts integer
---@field elapsed number seconds
---@field tls_library? string

---@param facts aitronos.Facts
---@return aitronos.Error
function errors.from_failure(facts)
  local failure, status = facts.failure, facts.status
  local answered = status and status >= 300 and (not failure or ABOUT_FORM[failure])
  local fields = answered and from_answer(facts) or from_transport(facts)
  fields.status = status
  fields.request_id = clean(facts.request_id, NAME_BYTES) or fields.request_id
  fields.outcome = facts.outcome
  fields.retryable = facts.retryable == true and facts.outcome ~= "unknown"
  fields.retry_after = facts.retry_after
  fields.attempts = facts.attempts
  fields.elapsed = facts.elapsed
  return errors.new(fields)
end

return errors
