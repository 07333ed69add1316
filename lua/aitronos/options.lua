--- Checks the options of `aitronos.new` and fills them up: option, then environment, then default.
--- All faults make one Error of kind `config`. A message never holds the value: an API key, and a
--- proxy or a URL with a password in it, would be secrets.
--- Options are read raw: a metatable neither runs nor counts.

local errors = require "aitronos.error"

local find, format, gmatch, gsub = string.find, string.format, string.gmatch, string.gsub
local lower, match = string.lower, string.match
local concat, sort = table.concat, table.sort
local error, ipairs, next, rawget = error, ipairs, next, rawget
local tonumber, tostring, type = tonumber, tostring, type

local options = {}

local YEAR = 365 * 86400
local INT_MAX = 2147483647

-- By exclusion, since a pattern can't hold a NUL in Lua 5.1, and classes like %c follow the locale.
-- The longest text of an option, and the longest header line.
local TEXT_BYTES = 4096
local HEADER_BYTES = 8192

local NUL = "[^\1-\255]"
local CONTROL = "[^\32-\126\128-\255]"
local CONTROL_OR_SPACE = "[^\33-\126\128-\255]"

-- ## Checks: each returns the setting, or nil and what would be right

local function is_finite(value)
  return type(value) == "number" and value == value and value ~= 1 / 0 and value ~= -1 / 0
end

local function above_zero(unit, most)
  local fault = "must be " .. unit .. " greater than 0 and at most " .. most
  return function(value)
    if is_finite(value) and value > 0 and value <= most then
      return value
    end
    return nil, fault
  end
end

local function integer(least, most)
  local fault = format("must be a whole number from %d to %d", least, most)
  return function(value)
    if is_finite(value) and value % 1 == 0 and value >= least and value <= most then
      -- By way of text, 3.0 becomes an integer where Lua has them.
      return tonumber(format("%d", value))
    end
    return nil, fault
  end
end

--- How many requests may be in flight at once.
---@param value any
---@return integer? concurrency
---@return string? fault what would be right
options.concurrency = integer(1, 10000)

local function of_type(wanted)
  local fault = "must be a " .. wanted
  return function(value)
    if type(value) == wanted then
      return value
    end
    return nil, fault
  end
end

-- Text that is not empty and matches no `refused` pattern.
local function text(refused, fault)
  return function(value)
    if type(value) ~= "string" or value == "" then
      return nil, "must be a string that is not empty"
    end
    if find(value, refused) then
      return nil, fault
    end
    return value
  end
end

local function settle(value)
  if is_finite(value) and value >= 0 and value <= YEAR then
    return value
  end
  return nil, "must be a number of seconds from 0 to " .. YEAR
end

local function rate(value)
  if is_finite(value) and value >= 0.001 and value <= 1e9 then
    return value
  end
  return nil, "must be a number of requests per minute from 0.001 to 1e9"
end

local function credential(value)
  if type(value) ~= "string" or value == "" then
    return nil, "must be a string that is not empty"
  end
  if find(value, "[\r\n]$") then
    return nil, "ends with a line break; give it without"
  end
  if find(value, "[^\32-\126]") then
    return nil, "must hold printable ASCII characters only"
  end
  if find(value, "^ ") or find(value, " $") then
    return nil, "must not begin or end with a space"
  end
  return value
end

-- Strict, since what libcurl does not read as an IPv4 address goes to DNS as a name.
local function is_loopback(host)
  if lower(host) == "localhost" or host == "[::1]" then
    return true
  end
  local b, c, d = match(host, "^127%.(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)$")
  for _, part in ipairs { b, c, d } do
    if tonumber(part) > 255 or tostring(tonumber(part)) ~= part then
      return false
    end
  end
  return b ~= nil
end

-- The host of `host`, `host:port`, `[v6]` or `[v6]:port`; nil if it is none of these.
local function host_of(authority)
  local host, rest = match(authority, "^(%[[0-9A-Fa-f]*:[0-9A-Fa-f:.]*%])(.*)$")
  if not host then
    host, rest = match(authority, "^([0-9A-Za-z_-][0-9A-Za-z._-]*)(.*)$")
  end
  if not host or find(host, "..", 1, true) then
    return nil
  end
  local port = rest ~= "" and tonumber(match(rest, "^:(%d%d?%d?%d?%d?)$") or 0)
  if port and (port < 1 or port > 65535) then
    return nil
  end
  return host
end

local function path_fault(path)
  if find(path, "[^0-9A-Za-z._~!$&'()*+,;=:@%%/-]") or find(gsub(path, "%%%x%x", ""), "%%") then
    return "has a character in its path that must be percent-encoded"
  end
  for segment in gmatch(gsub(lower(path), "%%2e", "."), "[^/]+") do
    if segment == "." or segment == ".." then
      return "must not have . or .. in its path"
    end
  end
end

local function base_url(value)
  if type(value) ~= "string" then
    return nil, "must be a string"
  end
  if find(value, "[^\33-\126]") or find(value, "\\", 1, true) then
    return nil, "must be ASCII without white space, control characters and backslashes"
  end
  local scheme, authority, path = match(value, "^([A-Za-z]+)://([^/?#]*)(.*)$")
  scheme = scheme and lower(scheme)
  if scheme ~= "https" and scheme ~= "http" then
    return nil, "must begin with https://"
  end
  if find(authority, "@", 1, true) then
    return nil, "must not hold a user name or a password"
  end
  if find(path, "[?#]") then
    return nil, "must not have a query or a fragment"
  end
  local host = host_of(authority)
  if not host then
    return nil, "must have a host name or address, and a port, if any, from 1 to 65535"
  end
  if scheme == "http" and not is_loopback(host) then
    return nil, "must be https, except for localhost, 127.0.0.0/8 and [::1]"
  end
  local fault = path_fault(path)
  if fault then
    return nil, fault
  end
  return scheme .. "://" .. authority .. gsub(path, "/+$", "")
end

local PROXY_SCHEMES = { http = true, https = true, socks5 = true, socks5h = true }

local function proxy(value)
  if type(value) ~= "string" then
    return nil, "must be a string"
  end
  if find(value, CONTROL_OR_SPACE) then
    return nil, "must not hold white space or control characters"
  end
  local scheme, rest = match(value, "^(.-)://(.*)$")
  if scheme and (not PROXY_SCHEMES[lower(scheme)] or rest == "") then
    return nil, "must be the URL of an http, https, socks5 or socks5h proxy, or empty for none"
  end
  return value
end

local function ca_file(value)
  if type(value) ~= "string" or value == "" or find(value, NUL) then
    return nil, "must be the path of a file"
  end
  local file = io.open(value, "rb")
  -- A folder opens too, but can't be read.
  local first = file and file:read(1)
  if file then
    file:close()
  end
  if not first then
    return nil, "cannot be read, or is empty"
  end
  return value
end

local function ca_path(value)
  local path, fault = text(NUL, "must not hold a NUL byte")(value)
  local folder = path and io.open(path .. "/.")
  if path and not folder then
    return nil, "is no folder that can be read"
  end
  if folder then
    folder:close()
  end
  return path, fault
end

local function driver(value)
  if type(value) == "table" and type(rawget(value, "wait")) == "function" then
    return value
  end
  return nil, "must be a table with a function wait"
end

-- ## Extra headers

local OWN_HEADERS = {
  ["accept"] = true, ["accept-encoding"] = true, ["authorization"] = true, ["connection"] = true,
  ["content-encoding"] = true, ["content-length"] = true, ["content-type"] = true,
  ["expect"] = true, ["host"] = true, ["keep-alive"] = true, ["proxy-authorization"] = true,
  ["proxy-connection"] = true, ["te"] = true, ["trailer"] = true, ["transfer-encoding"] = true,
  ["upgrade"] = true, ["user-agent"] = true, ["x-api-key"] = true,
}

local function forbidden_character(value)
  return find(value, "\r", 1, true) and "a carriage return"
    or find(value, "\n", 1, true) and "a line feed"
    or find(value, NUL) and "a NUL byte"
    or find(value, "[^\9\32-\126\128-\255]") and "a control character"
end

local function header_fault(name, value)
  if type(name) ~= "string" or type(value) ~= "string" then
    return "must be a table of names and values, both strings"
  end
  local character = forbidden_character(name)
  if character then
    return "a name holds " .. character
  end
  if not find(name, "^[0-9A-Za-z!#$%%&'*+.^_`|~-]+$") then
    return "a name is not that of a header"
  end
  -- A name of this length may be a value in the wrong place.
  local shown = #name <= 32 and name or "a header"
  if OWN_HEADERS[lower(name)] then
    return shown .. " is set by the library and can't be replaced"
  end
  character = forbidden_character(value)
  if character then
    return "the value of " .. shown .. " holds " .. character
  end
  if not find(value, "[^\9 ]") then
    return "the value of " .. shown .. " is empty"
  end
  if #name + #value > HEADER_BYTES then
    return shown .. " is longer than " .. HEADER_BYTES .. " bytes"
  end
end

local function headers(value)
  if type(value) ~= "table" then
    return nil, "must be a table of names and values, both strings"
  end
  local lines, faults = {}, {}
  for name, content in next, value do
    local fault = header_fault(name, content)
    if fault then
      faults[#faults + 1] = fault
    else
      lines[#lines + 1] = name .. ": " .. content
    end
  end
  if faults[1] then
    sort(faults)
    return nil, concat(faults, ", ")
  end
  sort(lines)
  return lines
end

-- ## All of them

local API_KEY = { name = "api_key", environment = "FREDDY_API_KEY", check = credential }
local BEARER_TOKEN = { name = "bearer_token", check = credential }

local OPTIONS = {
  {
    name = "base_url",
    environment = "AITRONOS_BASE_URL",
    default = "https://api.aitronos.com",
    check = base_url,
  },
  { name = "timeout", default = 30, check = above_zero("a number of seconds", YEAR) },
  { name = "connect_timeout", default = 10, check = above_zero("a number of seconds", YEAR) },
  { name = "deadline", default = 120, check = above_zero("a number of seconds", YEAR) },
  { name = "max_retries", default = 2, check = integer(0, 100) },
  { name = "reconcile", default = true, check = of_type "boolean" },
  { name = "settle", default = 4, check = settle },
  { name = "rate", check = rate },
  { name = "burst", default = 1, check = integer(1, INT_MAX) },
  { name = "rate_dict", check = text(CONTROL, "must not hold control characters") },
  { name = "concurrency", default = 16, check = options.concurrency },
  { name = "max_response_bytes", default = 1048576, check = integer(1, INT_MAX) },
  { name = "http2", default = false, check = of_type "boolean" },
  { name = "headers", check = headers },
  { name = "proxy", check = proxy },
  { name = "ca_file", check = ca_file },
  { name = "ca_path", check = ca_path },
  { name = "user_agent", check = text(CONTROL, "must not hold control characters") },
  { name = "on_event", check = of_type "function" },
  { name = "driver", check = driver },
}

local KNOWN = { api_key = true, bearer_token = true }
for _, option in ipairs(OPTIONS) do
  KNOWN[option.name] = true
end

local function add(faults, field, message)
  faults[#faults + 1] = { field = field, message = message }
end

-- An empty environment variable counts as not set.
local function from_environment(name)
  local value = name and os.getenv(name)
  return value ~= "" and value or nil
end

local function read(option, given, faults)
  local value, source = rawget(given, option.name), ""
  if value == nil then
    value = from_environment(option.environment)
    source = " (from the environment variable " .. tostring(option.environment) .. ")"
  end
  if value == nil then
    return option.default
  end
  local setting, fault
  if type(value) == "string" and #value > TEXT_BYTES then
    fault = "must be at most " .. TEXT_BYTES .. " bytes long"
  else
    setting, fault = option.check(value)
  end
  if fault then
    add(faults, option.name, fault .. source)
  end
  return setting
end

-- Sets one of the two, or none. A token that was given goes before a key in the environment. No
-- text is made of it: strings of ours could not be wiped.
local function read_credential(given, settings, faults)
  if rawget(given, "bearer_token") == nil then
    if rawget(given, "api_key") == false then
      return
    end
    settings.api_key = read(API_KEY, given, faults)
    if not settings.api_key and not faults[1] then
      add(faults, "api_key", "is missing; give it, or set the environment variable FREDDY_API_KEY")
    end
    return
  end
  if rawget(given, "api_key") ~= nil then
    add(faults, "bearer_token", "must not be given together with api_key")
  end
  settings.bearer_token = read(BEARER_TOKEN, given, faults)
end

---@class aitronos.Settings
---@field base_url string without a slash at its end
---@field api_key? string this, or
---@field bearer_token? string this; neither for a client without a credential
---@field headers string[] header lines
---@field user_agent string
---@field timeout number seconds, as are the next three
---@field connect_timeout number
---@field deadline number
---@field settle number
---@field max_retries integer
---@field concurrency integer
---@field rate? number requests per minute
---@field burst integer
---@field rate_dict? string
---@field max_response_bytes integer
---@field reconcile boolean
---@field http2 boolean
---@field proxy? string empty for none, whatever the environment says
---@field ca_file? string
---@field ca_path? string
---@field on_event? function
---@field driver? table

--- Raises an Error of kind `config`.
---@param given? table the options of `aitronos.new`
---@param version string the library's own
---@return aitronos.Settings
function options.check(given, version)
  if given == nil then
    given = {}
  elseif type(given) ~= "table" then
    local message = "must be a table, not " .. type(given)
    error(errors.config { { field = "options", message = message } }, 0)
  end

  local faults, settings = {}, {}
  read_credential(given, settings, faults)
  for _, option in ipairs(OPTIONS) do
    settings[option.name] = read(option, given, faults)
  end
  for _, field in ipairs(errors.unknown_keys(given, KNOWN)) do
    add(faults, field, "is not an option")
  end
  if faults[1] then
    error(errors.config(faults), 0)
  end

  settings.headers = settings.headers or {}
  local appended = settings.user_agent and " " .. settings.user_agent or ""
  settings.user_agent = "aitronos-lua/" .. version .. appended
  return settings
end

return options
