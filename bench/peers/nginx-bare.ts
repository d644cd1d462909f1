/** nginx that passes requests on and says nothing of itself or the client: less than Sluice does. */
import { nginxPeer } from './nginx.ts'

export const peer = nginxPeer('nginx-bare', '')
