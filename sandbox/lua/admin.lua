-- The sandbox's own pages under /_sandbox/. They need no key.

local clock = require "clock"
local faults = require "faults"
local ids = require "ids"
local journal = require "journal"
local json = require "json"
local problem = require "problem"
local reply = require "reply"
local store = require "store"

local admin = {}

local MOST_AHEAD = 1e9

local function show(text)
  reply.text(200, text .. "\n")
end

-- The last request for an address, or of all, with headers and body.
local function show_raw(email)
  local last
  for call in journal.each(email) do
    last = call
  end
  if not last then
    return reply.problem(problem.new(404, "NOT_FOUND", "There was no such request."))
  end
  show(json.encode(journal.show_raw(last)))
end

local function requests()
  local arguments = ngx.req.get_uri_args()
  local email = type(arguments.email) == "string" and arguments.email or nil
  if arguments.raw then
    return show_raw(email)
  end
  local items = {}
  local posts = {}
  for call in journal.each(email) do
    items[#items + 1] = journal.show(call)
    if call.email then
      posts[call.email] = journal.posts(call.email)
    end
  end
  show('{"posts":' .. json.encode(posts) .. ',"requests":' .. json.list(items) .. "}")
end

local function outbox()
  local items = {}
  for mail in store.outbox:each() do
    items[#items + 1] = mail
  end
  show(json.list(items))
end

-- What a list of people came to, where the last thousand requests say too little.
local function addresses()
  local items = {}
  for place, email in ipairs(journal.addresses()) do
    local asked, invitation_ids, mails = store.summary(email)
    items[place] = ('{"email":%s,"posts":%d,"asked":%d,"mails":%d,"invitation_ids":%s}'):format(
      json.encode(email), journal.posts(email), asked, mails, json.list(invitation_ids))
  end
  show("[" .. table.concat(items, ",\n ") .. "]")
end

local function show_clock()
  show(json.encode { now = ids.time(clock.now()), ahead = clock.ahead() })
end

local function move_clock()
  ngx.req.read_body()
  local fields = json.decode(ngx.req.get_body_data() or "")
  local seconds = type(fields) == "table" and fields.advance
  if type(seconds) ~= "number" or not (seconds >= 0 and seconds <= MOST_AHEAD) then
    return reply.problem(problem.field("advance", "Must be a number of seconds, 0 to 10^9."))
  end
  clock.advance(seconds)
  show_clock()
end

local function list_faults()
  show(json.list(faults.list()))
end

local function reset()
  for _, dictionary in pairs(ngx.shared) do
    dictionary:flush_all()
    dictionary:flush_expired()
  end
  journal.clear()
  store.outbox:clear()
  show('{"status":"reset"}')
end

local PAGES = {
  ["GET /_sandbox/requests"] = requests,
  ["GET /_sandbox/addresses"] = addresses,
  ["GET /_sandbox/outbox"] = outbox,
  ["GET /_sandbox/faults"] = list_faults,
  ["GET /_sandbox/clock"] = show_clock,
  ["POST /_sandbox/clock"] = move_clock,
  ["GET /_sandbox/health"] = function() show('{"status":"ok"}') end,
  ["POST /_sandbox/reset"] = reset,
}

function admin.handle()
  local page = PAGES[ngx.req.get_method() .. " " .. ngx.var.uri]
  if not page then
    return reply.problem(problem.new(404, "NOT_FOUND", "There is no such page."))
  end
  page()
end

return admin
