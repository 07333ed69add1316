std = "min"
max_line_length = 100

files["spec"] = { std = "min+busted" }
files["spec/support/strict.lua"] = { ignore = { "122" } } -- its purpose is to guard _G
files["lua/aitronos/meta"] = { unused_args = false, ignore = { "241" } } -- types only
files["lua/aitronos/driver/nginx.lua"] = { std = "ngx_lua" }
files["examples/luv.lua"] = { read_globals = { "vim" } } -- Neovim has it
files["spec/support/site.lua"] = { std = "ngx_lua" }
files["bench"] = { std = "min" }
files["bench/nginx/host.lua"] = { std = "ngx_lua" }
files["examples/nginx"] = { std = "ngx_lua" }
files["sandbox/lua"] = { std = "ngx_lua" }
