--- Errors from what the core knows about a call that failed, its "facts".
--- Everything that a server said is bounded, of the right type, no HTML, and gives away no
--- invitation before it gets into a field.
local errors = require "aitronos.error"
local text = require "aitronos.text"

local concat, ipairs, rawget, type = table.concat, ipairs, rawget, type
local clean, copy, join = text.clean, text.copy, errors.join
local NAME_BYTES, TEXT_BYTES = text.NAME_BYTES, text.TEXT_BYTES

local M = {}

-- failure -> kind, code, what happened and what can be done
local FAILURES = {
  resolve = { "connection", "NAME_NOT_RESOLVED", "The server's name could not be resolved" },
  connect = { "connection", "CONNECTION_FAILED", "No connection to the server could be made" },
  reset = { "connection", "CONNECTION_LOST", "The connection was lost before the answer was in" },
  resend = { "connection", "CONNECTION_LOST", "A reused connection was lost before the answer "
    .. "was in" },
  proxy = { "connection", "PROXY_FAILED", "The proxy can't be reached or refuses; check proxy" },
  interrupted = { "connection", "EARLIER_RUN_INTERRUPTED", "An earlier run ended before it had the "
    .. "answer" },
  http2 = { "connection", "HTTP2_ERROR", "The HTTP/2 exchange failed; if it keeps failing, leave "
    .. "the http2 option off" },
  out_of_memory = { "connection", "OUT_OF_MEMORY", "There was not enough memory for the request" },
  internal = { "connection", "LIBCURL_ERROR", "libcurl failed in a way that was not foreseen" },

  connect_timeout = { "timeout", "CONNECT_TIMEOUT", "No connection stood within connect_timeout" },
  timeout = { "timeout", "REQUEST_TIMEOUT", "No complete answer came within timeout" },
  deadline = { "timeout", "DEADLINE_EXCEEDED", "The call could not be finished by its deadline" },

  paused = { "rate_limit", "CLIENT_PAUSED", "The server has asked this client to wait for longer "
    .. "than the call has time" },

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
  unexpected = { "protocol", "UNEXPECTED_ANSWER", "The answer lacks what it must hold" },

  lookup_disagrees = { "conflict", "INVITATION_ROLE_DIFFERS", "There is an invitation for this "
    .. "address already, but with another role" },
  url = { "config", "INVALID_URL", "The URL of the request is not valid; check base_url" },
  cancelled = { "cancelled", "CANCELLED", "The call was cancelled" },
  forked = { "cancelled", "PROCESS_FORKED", "The call goes on in the parent process, which began "
    .. "it before the fork" },
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
      path[#path + 1] = type(step) == "number" and text.number(step) or clean(step, NAME_BYTES)
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
  fields.code = fields.code or "HTTP_" .. text.number(status)
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
  local words = clean(facts.text, TEXT_BYTES / 2)
  if words then
    message = message .. ": " .. words
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
function M.error(facts)
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

return M
