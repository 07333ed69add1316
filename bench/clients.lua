--- What `make bench` measures: cases, and in each of them the clients, one a line. The first client
--- is what the others are compared with. Of a command's words, $URL is where the server is, $PATH
--- the request's path there, $COUNT how many invitations to send and $AT_ONCE how many at a time.

---@class bench.Client
---@field [1] string its name in the table
---@field [2] string its command
---@field needs? string a command that fails where it is not installed
---@field one_in? integer it is slow: it sends that part of what the others send
---@field count? integer how many it sends; else the case's

---@class bench.Case
---@field name string
---@field url string the environment's variable that says where the server is
---@field at_once? integer then client and server have a processor each, else they share one
---@field count? integer how many each client sends; else N
---@field left_out? integer a run of so many is what is taken off; 1 if left out
---@field rounds? integer at most; it takes long

---@type (bench.Case|bench.Client[])[]
local cases = {
  {
    name = "one by one",
    url = "HTTP_URL",
    { "libcurl's easy in C, no JSON", "build/bench/raw_easy $URL$PATH $COUNT" },
    { "**`invite_user`**, Lua 5.4", "lua5.4 bench/one_by_one.lua $URL $COUNT" },
    { "**`invite_user`**, LuaJIT", "luajit bench/one_by_one.lua $URL $COUNT" },
    { "Lua-cURL, Lua 5.4", "lua5.4 bench/peers/lua_curl.lua $URL$PATH $COUNT",
      needs = "lua5.4 -e 'require [[lcurl]]'" },
    { "lua-http, LuaJIT", "luajit bench/peers/lua_http.lua $URL $PATH $COUNT",
      needs = "luajit -e 'require [[http.client]]'" },
    { "LuaSocket's `socket.http`, Lua 5.4", "lua5.4 bench/peers/socket_http.lua $URL$PATH $COUNT" },
    { "Python's requests", "/usr/bin/python3 bench/peers/python.py requests $URL$PATH $COUNT",
      needs = "/usr/bin/python3 -c 'import requests'", one_in = 2 },
    { "Python's httpx", "/usr/bin/python3 bench/peers/python.py httpx $URL$PATH $COUNT",
      needs = "/usr/bin/python3 -c 'import httpx'", one_in = 10 }, -- waits for delayed ACKs
    { "Python's aiohttp", "/usr/bin/python3 bench/peers/python.py aiohttp $URL$PATH $COUNT 1",
      needs = "/usr/bin/python3 -c 'import aiohttp'", one_in = 2 },
    { "Node's fetch", "node bench/peers/fetch.mjs $URL$PATH $COUNT 1",
      needs = "node --version", one_in = 4 },
  },
  {
    name = "one by one, HTTPS",
    url = "HTTPS_URL",
    { "libcurl's easy in C, no JSON", "build/bench/raw_easy $URL$PATH $COUNT" },
    { "**`invite_user`**, Lua 5.4", "lua5.4 bench/one_by_one.lua $URL $COUNT" },
    { "**`invite_user`**, LuaJIT", "luajit bench/one_by_one.lua $URL $COUNT" },
  },
  {
    name = "16 at once",
    url = "HTTP_URL",
    at_once = 16,
    { "libcurl's multi in C, no JSON", "build/bench/raw_multi $URL$PATH $COUNT $AT_ONCE" },
    { "**`invite_users`**, Lua 5.4", "lua5.4 bench/many.lua $URL $COUNT $AT_ONCE" },
    { "**`invite_users`**, LuaJIT", "luajit bench/many.lua $URL $COUNT $AT_ONCE" },
  },
  {
    name = "64 at once",
    url = "HTTP_URL",
    at_once = 64,
    { "libcurl's multi in C, no JSON", "build/bench/raw_multi $URL$PATH $COUNT $AT_ONCE" },
    { "**`invite_users`**, Lua 5.4", "lua5.4 bench/many.lua $URL $COUNT $AT_ONCE" },
    { "**`invite_users`**, LuaJIT", "luajit bench/many.lua $URL $COUNT $AT_ONCE" },
    { "Python's aiohttp",
      "/usr/bin/python3 bench/peers/python.py aiohttp $URL$PATH $COUNT $AT_ONCE",
      needs = "/usr/bin/python3 -c 'import aiohttp'", one_in = 2 },
    { "Node's fetch", "node bench/peers/fetch.mjs $URL$PATH $COUNT $AT_ONCE",
      needs = "node --version", one_in = 4 },
  },
  {
    name = "100 at once, each answered after 50 ms: 2,000/s at most",
    url = "LATE_URL",
    at_once = 100,
    count = 2000,
    { "libcurl's multi in C, no JSON", "build/bench/raw_multi $URL$PATH $COUNT $AT_ONCE" },
    { "**`invite_users`**, Lua 5.4", "lua5.4 bench/many.lua $URL $COUNT $AT_ONCE" },
    { "**`invite_users`**, LuaJIT", "luajit bench/many.lua $URL $COUNT $AT_ONCE" },
  },
  {
    name = "a list of 10,000, 64 at once",
    url = "HTTP_URL",
    at_once = 64,
    count = 10000,
    rounds = 3,
    { "`curl --parallel`, no JSON parsed", "bench/peers/curl_list $URL$PATH $COUNT $AT_ONCE" },
    { "**`aitronos-invite`** with CSV, journal and report, Lua 5.3",
      "bench/command lua5.3 $URL $COUNT $AT_ONCE", needs = "lua5.3 -e 'require [[posix.unistd]]'" },
    { "the same on LuaJIT",
      "bench/command luajit $URL $COUNT $AT_ONCE", needs = "luajit -e 'require [[posix.unistd]]'" },
  },
  {
    name = "`invite_users` on Lua 5.4, 64 at once, so many",
    url = "HTTP_URL",
    at_once = 64,
    left_out = 64, -- each of them opens a connection
    rounds = 3,
    { "1,000", "lua5.4 bench/many.lua $URL $COUNT $AT_ONCE", count = 1000 },
    { "10,000", "lua5.4 bench/many.lua $URL $COUNT $AT_ONCE", count = 10000 },
    { "100,000", "lua5.4 bench/many.lua $URL $COUNT $AT_ONCE", count = 100000 },
    (os.getenv "LONG" or "") ~= "" and
      { "1,000,000", "lua5.4 bench/many.lua $URL $COUNT $AT_ONCE", count = 1000000 } or nil,
  },
}

return cases
